"""Messages in the admin: Browse, a message's page, and its way to production.

`MessageAdmin` is registered further up, where the count of today is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib import messages as notes
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import action

from events.models import Channel
from templates_app import creating, editing, publishing, reviewing
from templates_app.admin import cells
from templates_app.admin.authoring import Draft, DraftAdmin, editor_of, posted
from templates_app.forms import MessageForm, NoteForm
from templates_app.models import Message, MessageStatus, Template

_LOG_LINES = 50


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a message's public state, and how it is asked for."""

    verb: str
    act: Callable[..., None]
    sentences: tuple[str, ...]
    done: str
    is_danger: bool = False


PAUSE = Transition(
    verb="Pause",
    act=publishing.pause,
    sentences=(
        "Nothing more is sent from now on.",
        "Events are still accepted and wait. When you resume, they are sent with the "
        "version that is live then, unless they have expired.",
    ),
    done="is paused: events wait.",
)
RESUME = Transition(
    verb="Resume",
    act=publishing.resume,
    sentences=("Sending goes on, beginning with the events that waited.",),
    done="sends again.",
)
UNPUBLISH = Transition(
    verb="Unpublish",
    act=publishing.unpublish,
    sentences=(
        "The message becomes a draft. New events of its type find no message: they are "
        "refused or stored as not covered, as the event type says.",
        "What was sent stays in the history, and every version is kept.",
    ),
    done="is a draft again; nothing is sent.",
    is_danger=True,
)


class ChangesFilter(DropdownFilter):
    """Live messages whose edits wait to be published."""

    title = "unpublished changes"
    parameter_name = "changes"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the one choice besides all."""
        return [("waiting", "With unpublished changes")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Message]
    ) -> QuerySet[Message]:
        """Return live messages with changes; a draft is nothing but changes."""
        if self.value() != "waiting":
            return queryset
        live = queryset.exclude(status=MessageStatus.DRAFT)
        return live.filter(has_unpublished_changes=True)


class MessageAdmin(DraftAdmin):
    """What authors write, bind to an event type and publish."""

    form_class = MessageForm
    noun = "message"
    wizard_title = "Create transactional message"
    list_display: tuple[str, ...] = (
        "named",
        "state",
        "on_channel",
        "event_type",
        "last_published",
    )
    list_display_links = ("named",)
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("event_type", RelatedDropdownFilter),
        ChangesFilter,
    ]
    list_select_related = ("event_type",)
    search_fields = ("label", "internal_name")
    search_help_text = "Search label and internal name"
    actions_row = ("duplicate_row", "template_row", "delete_row")
    change_list_template = "templates_app/drafts.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Return messages that are not deleted."""
        rows: QuerySet[Message] = super().get_queryset(request)
        return rows.filter(deleted_at=None).select_related("event_type", "live_version")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show Browse with its own words."""
        words = {
            "create_label": self.wizard_title,
            "title": "Transactional messages",
            "empty": "A transactional message answers one business event, such as a "
            "confirmed order. Start from a template, bind it to an event type, "
            "simulate it, publish it.",
        }
        return super().changelist_view(request, {**words, **(extra_context or {})})

    def steps(self) -> dict[str, Callable[..., HttpResponseBase]]:
        """Return the views of one message by name."""
        return {
            **super().steps(),
            "template": self.template_view,
            "publish": self.publish_view,
            "pause": self.pause_view,
            "resume": self.resume_view,
            "unpublish": self.unpublish_view,
        }

    # --- making and saving

    def create(
        self, template: Template, *, label: str, author: AbstractBaseUser
    ) -> Draft:
        """Make a draft message from a template."""
        return creating.create_message(template=template, label=label, author=author)

    def duplicated(self, draft: Any, *, label: str, author: AbstractBaseUser) -> Draft:
        """Copy a message."""
        return creating.duplicate(draft, label=label, author=author)

    def save(self, form: Any, *, editor: AbstractBaseUser) -> Draft:
        """Write a valid form, and the event type it asks for."""
        draft: Message = editing.save(
            form.draft,
            values=form.values(),
            content=form.content(),
            seen=form.seen_at(),
            editor=editor,
            new_type=form.new_type(),
        )
        return draft

    def page_context(self, request: HttpRequest, draft: Any) -> dict[str, Any]:
        """Return a message's state, its versions and its log."""
        log = draft.publication_log.select_related("actor", "version")
        versions = draft.versions.select_related("author")
        is_published = draft.status == MessageStatus.PUBLISHED
        return {
            "pills": cells.pills(draft),
            "is_live": draft.status != MessageStatus.DRAFT,
            "is_settled": is_published and not draft.has_unpublished_changes,
            "has_news": draft.status == MessageStatus.DRAFT
            or (is_published and draft.has_unpublished_changes),
            "not_sent": self.not_sent(draft.channel),
            "log": log[:_LOG_LINES],
            "versions": versions.defer("compiled", "content")[:_LOG_LINES],
        }

    def not_sent(self, channel: str) -> str:
        """Return why messages of a channel leave this machine not; empty if they do.

        Known further up, where the channels are.
        """
        return ""

    # --- the way to production

    def publish_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Review what stands in the way and what will happen, then publish."""
        message = self._changeable(request, pk)
        form = NoteForm(posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                version = publishing.publish(
                    message,
                    author=editor_of(request),
                    note=form.cleaned_data["note"],
                )
            except publishing.PublishError as error:
                notes.error(request, f"Not published: {error}")
                return HttpResponseRedirect(self.url("publish", pk))
            self.log_change(request, message, f"Published version {version.number}.")
            notes.success(
                request, f"“{message.label}” is live as version {version.number}."
            )
            return HttpResponseRedirect(self.url("change", pk))
        context = {"form": form, **self._review(message)}
        return self.answer(request, "publish.html", context, draft=message)

    def _review(self, message: Message) -> dict[str, Any]:
        """Return what an author should know before publishing."""
        is_live = message.status != MessageStatus.DRAFT
        event_type = message.event_type
        return {
            "title": f"{'Republish' if is_live else 'Publish'}: {message.label}",
            "problems": publishing.problems_of(message),
            "simulated": self.simulated(
                message, message.context_sample, event_type=event_type
            ),
            "is_live": is_live,
            "pills": cells.pills(message),
            "channel_noun": reviewing.NOUNS[Channel(message.channel)],
            "who": reviewing.who_gets_it(event_type, message.channel)
            if event_type
            else "",
            "changed": reviewing.changed_since_live(message) if is_live else [],
            "left": reviewing.left_from_template(message),
            "not_sent": self.not_sent(message.channel),
        }

    def pause_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask, then pause."""
        return self._transition(request, pk, PAUSE)

    def resume_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask, then resume."""
        return self._transition(request, pk, RESUME)

    def unpublish_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask, then unpublish."""
        return self._transition(request, pk, UNPUBLISH)

    def delete_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask, then delete a draft; a live message is refused with the reason."""
        message = self.draft(request, object_id)
        if not self.has_delete_permission(request, message):
            raise PermissionDenied
        if request.method == "POST":
            try:
                publishing.delete(message)
            except publishing.PublishError as error:
                notes.error(request, str(error))
                return HttpResponseRedirect(self.url("change", message.pk))
            self.log_deletions(request, [message])
            notes.success(request, f"“{message.label}” is deleted.")
            return HttpResponseRedirect(
                reverse("admin:templates_app_message_changelist")
            )
        is_live = message.status != MessageStatus.DRAFT
        context = {
            "title": f"Delete: {message.label}",
            "verb": "Delete",
            "is_danger": True,
            "refusal": f"“{message.label}” is live and cannot be deleted"
            if is_live
            else "",
            "instead": UNPUBLISH.verb,
            "instead_url": self.url("unpublish", message.pk),
            "sentences": [
                "Unpublish it first: it becomes a draft, and a draft can be deleted."
                if is_live
                else "The draft disappears from Browse. What it sent stays."
            ],
        }
        return self.answer(request, "confirm.html", context, draft=message)

    def template_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for a label, then keep the message as a template."""
        return self.copy_view(
            request,
            pk,
            verb="Save as template",
            sentence="The template takes properties, sample and content; not the "
            "event type.",
            suffix="template",
            make=lambda draft, label, author: creating.create_template(
                source=draft, label=label, author=author
            ),
        )

    def _transition(
        self, request: HttpRequest, pk: int, transition: Transition
    ) -> HttpResponse:
        message = self._changeable(request, pk)
        form = NoteForm(posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                transition.act(
                    message,
                    actor=editor_of(request),
                    note=form.cleaned_data["note"],
                )
            except publishing.PublishError as error:
                notes.error(request, str(error))
            else:
                self.log_change(request, message, f"{transition.verb}.")
                notes.success(request, f"“{message.label}” {transition.done}")
            return HttpResponseRedirect(self.url("change", pk))
        context = {
            "title": f"{transition.verb}: {message.label}",
            "verb": transition.verb,
            "sentences": transition.sentences,
            "is_danger": transition.is_danger,
            "form": form,
        }
        return self.answer(request, "confirm.html", context, draft=message)

    def _changeable(self, request: HttpRequest, pk: int) -> Message:
        message: Message = self.draft(request, pk)
        if not self.has_change_permission(request, message):
            raise PermissionDenied
        return message

    # --- cells and row actions of Browse

    @admin.display(description="Label", ordering="label")
    def named(self, message: Message) -> SafeString:
        """Return label and internal name."""
        return cells.two_lines(message.label, message.internal_name)

    @admin.display(description="Status", ordering="status")
    def state(self, message: Message) -> SafeString:
        """Return the status and whether edits wait to be published."""
        return cells.pills(message)

    @admin.display(description="Channel", ordering="channel")
    def on_channel(self, message: Message) -> SafeString:
        """Return the channel with its symbol."""
        return cells.channel(message.channel)

    @admin.display(description="Last published", ordering="published_at")
    def last_published(self, message: Message) -> str:
        """Return when it was last published, in the installation's time zone."""
        if message.published_at is None:
            return "never"
        return date_format(timezone.localtime(message.published_at), "j M Y, H:i")

    @action(description="Duplicate", url_path="duplicate-row", icon="content_copy")
    def duplicate_row(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Open the page that duplicates."""
        return HttpResponseRedirect(self.url("duplicate", object_id))

    @action(description="Save as template", url_path="template-row", icon="library_add")
    def template_row(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Open the page that makes a template."""
        return HttpResponseRedirect(self.url("template", object_id))

    @action(
        description="Delete",
        url_path="delete-row",
        icon="delete",
        attrs={"field": "status", "value": MessageStatus.DRAFT},
    )
    def delete_row(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Open the page that deletes."""
        return HttpResponseRedirect(self.url("delete", object_id))
