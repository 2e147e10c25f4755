"""Messages in the admin: Browse, and a message's page.

`MessageAdmin` is registered further up, where the count of today is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.contrib import messages as notes
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import action

from templates_app import creating, editing, publishing
from templates_app.admin import cells, copies, lifecycle
from templates_app.admin.authoring import DraftAdmin
from templates_app.admin.folders import FolderFilter, move_to_folder
from templates_app.admin.frame import Draft, View
from templates_app.forms import MessageForm
from templates_app.models import Message, MessageStatus, Template

_LOG_LINES = 50


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


class NatureFilter(DropdownFilter):
    """Messages of one nature, of those that authors have used."""

    title = "nature"
    parameter_name = "nature"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the natures in use."""
        rows = Message.objects.filter(deleted_at=None).exclude(nature="")
        names = rows.order_by("nature").values_list("nature", flat=True).distinct()
        return [(name, name) for name in names]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Message]
    ) -> QuerySet[Message]:
        """Return messages of the chosen nature."""
        return queryset.filter(nature=self.value()) if self.value() else queryset


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
        "in_folder",
        "last_published",
        "last_modified",
    )
    list_display_links = ("named",)
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("event_type", RelatedDropdownFilter),
        ChangesFilter,
        FolderFilter,
        NatureFilter,
        ("modified_at", RangeDateFilter),
    ]
    actions = (move_to_folder,)
    list_select_related = ("event_type", "folder", "modified_by")
    search_fields = (
        "label",
        "internal_name",
        "event_type__name",
        "delivery_code",
        "content",
    )
    search_help_text = "Search label, name, event type, delivery code and content"
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

    def steps(self) -> Mapping[str, View]:
        """Return the views of one message."""
        return {
            **super().steps(),
            **copies.MESSAGE_STEPS,
            **lifecycle.STEPS,
        }

    # --- making and saving

    def create(
        self, template: Template, *, label: str, author: AbstractBaseUser
    ) -> Draft:
        """Make a draft message from a template."""
        return creating.create_message(template=template, label=label, author=author)

    def save(self, form: Any, *, editor: AbstractBaseUser) -> Draft:
        """Write a valid form, and the event type it asks for."""
        draft: Message = editing.save(
            form.draft,
            values=form.values(),
            content=form.content(),
            seen=form.seen_at(),
            language=form.language,
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
            "instead": "Unpublish",
            "instead_url": self.url("unpublish", message.pk),
            "sentences": [
                "Unpublish it first: it becomes a draft, and a draft can be deleted."
                if is_live
                else "The draft disappears from Browse. What it sent stays."
            ],
        }
        return self.answer(request, "confirm.html", context, draft=message)

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
    def last_published(self, message: Message) -> str | SafeString:
        """Return when it was last published, in the installation's time zone."""
        if message.published_at is None:
            return "never"
        return cells.moment(message.published_at)

    @admin.display(description="Folder", ordering="folder__name")
    def in_folder(self, message: Message) -> str:
        """Return the folder that it is filed in."""
        return message.folder.name if message.folder else "–"

    @admin.display(description="Last modified", ordering="modified_at")
    def last_modified(self, message: Message) -> SafeString:
        """Return when it was last saved, and by whom."""
        by = message.modified_by.get_username() if message.modified_by else "txmsg"
        return cells.two_lines(cells.moment(message.modified_at), by)

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
