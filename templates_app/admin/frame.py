"""What every page of a draft stands on: who asks, which draft, how it is answered.

Features are modules of plain views beside this one; each lists its own in ``STEPS``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from events.models import EventType
from templates_app.models import Message, Template

Draft = Message | Template


def editor_of(request: HttpRequest) -> AbstractBaseUser:
    """Return who is signed in; every page here asks for that."""
    return cast(AbstractBaseUser, request.user)


def posted(request: HttpRequest) -> QueryDict | None:
    """Return what a form is bound to: None until something was sent."""
    return request.POST if request.method == "POST" else None


class DraftPages(ModelAdmin):
    """One kind of draft: messages, or templates."""

    noun = "template"

    def get_urls(self) -> list[URLPattern]:
        """Put the pages of a draft before Django's own."""
        own = [
            path(
                f"<int:pk>/{step}/",
                self.admin_site.admin_view(self._bound(view)),
                name=self._name(_page(step)),
            )
            for step, view in self.steps().items()
        ]
        return [*own, *super().get_urls()]

    def steps(self) -> Mapping[str, View]:
        """Return the views of one draft by the rest of their address.

        Its first word is the name of the page: ``version/<int:number>`` is called
        ``version``.
        """
        return {}

    def not_sent(self, channel: str) -> str:
        """Return why messages of a channel leave this machine not; empty if they do.

        Known further up, where the channels are.
        """
        return ""

    def inbox_of(self, request: HttpRequest, channel: str, address: str) -> str:
        """Return where this person finds what is kept for an address; may be empty.

        Known further up, where the inbox is.
        """
        return ""

    def sent_under(self, version_ids: Iterable[int]) -> Mapping[int, int]:
        """Return how many messages each version has sent.

        Known further up, where the history is.
        """
        return {}

    def drop_reasons(self) -> Sequence[tuple[str, str]]:
        """Return the reasons for which what waits can be dropped, with their words.

        Known further up, where the history is; without any, nothing can be dropped.
        """
        return ()

    def drop_waiting(
        self,
        row_ids: Sequence[UUID],
        *,
        channel: str,
        reason: str,
        actor: AbstractBaseUser,
    ) -> int:
        """End rows of work for one of those reasons; return how many were ended.

        Many rows take longer than one request may: the rest is left as it is.
        """
        return 0

    def draft(self, request: HttpRequest, pk: str | int) -> Any:
        """Return a draft that this person may view; else 404 or 403."""
        draft = self.get_object(request, str(pk))
        if draft is None:
            raise Http404(f"There is no such {self.noun}.")
        if not self.has_view_permission(request, draft):
            raise PermissionDenied
        return draft

    def may_edit(self, request: HttpRequest, draft: Any) -> bool:
        """Return whether this person may change this draft."""
        return self.has_change_permission(request, draft)

    def chosen_type(self, request: HttpRequest, draft: Any) -> EventType | None:
        """Return the event type that a request names; without one, the draft's."""
        chosen = request.POST.get("event_type", request.GET.get("event_type"))
        if chosen is None:
            found: EventType | None = getattr(draft, "event_type", None)
            return found
        is_id = chosen.isdecimal()
        return EventType.objects.filter(pk=chosen).first() if is_id else None

    def answer(
        self,
        request: HttpRequest,
        template: str,
        context: dict[str, Any],
        *,
        draft: Draft | None = None,
        status: int = 200,
    ) -> TemplateResponse:
        """Return one of our pages inside the admin's frame."""
        request.current_app = self.admin_site.name
        shared: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "noun": self.noun,
            "list_url": reverse(f"admin:{self._name('changelist')}"),
            "wizard_url": reverse(f"admin:{self._name('add')}"),
            "may_add": self.has_add_permission(request),
        }
        if draft is not None:
            steps = [step for step in self.steps() if "<" not in step]
            shared |= {
                "draft": draft,
                "title": draft.label,
                "urls": {
                    _page(step): self.url(_page(step), draft.pk)
                    for step in ["change", "delete", *steps]
                },
            }
        return TemplateResponse(
            request, f"templates_app/{template}", {**shared, **context}, status=status
        )

    def url(self, name: str, pk: int, *args: object) -> str:
        """Return the address of a page of one draft."""
        return reverse(f"admin:{self._name(name)}", args=[pk, *args])

    def _bound(self, view: View) -> Callable[..., HttpResponseBase]:
        return functools.partial(view, self)

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"


View = Callable[..., HttpResponseBase]
"""Takes the admin of the draft, the request, and what its address holds."""


def _page(step: str) -> str:
    return step.partition("/")[0]
