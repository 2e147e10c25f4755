"""Templates in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action

from templates_app import editing
from templates_app.admin import cells
from templates_app.admin.authoring import DraftAdmin
from templates_app.admin.folders import FolderFilter, move_to_folder
from templates_app.models import Template


class KindFilter(DropdownFilter):
    """Templates that ship with the product, or one's own."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the two kinds."""
        return [("builtin", "Built-in"), ("own", "Own")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Template]
    ) -> QuerySet[Template]:
        """Return templates of the chosen kind."""
        if self.value() not in ("builtin", "own"):
            return queryset
        return queryset.filter(is_builtin=self.value() == "builtin")


class TemplateAdmin(DraftAdmin):
    """The starts of messages; built-in ones can only be duplicated."""

    list_display = ("named", "on_channel", "kind", "folder", "last_modified")
    list_display_links = ("named",)
    list_filter = [
        ("channel", ChoicesDropdownFilter),
        FolderFilter,
        KindFilter,
    ]
    actions = (move_to_folder,)
    list_select_related = ("folder",)
    search_fields = ("label", "internal_name", "description")
    search_help_text = "Search label, internal name and description"
    ordering = ("-is_builtin", "label")
    actions_row = ("duplicate_row", "delete_row")
    change_list_template = "templates_app/drafts.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list with its own words."""
        words = {
            "create_label": self.wizard_title,
            "title": "Templates",
            "empty": "A template is a start that many messages share: properties, a "
            "context sample and content, but no event type.",
        }
        return super().changelist_view(request, {**words, **(extra_context or {})})

    def may_edit(self, request: HttpRequest, draft: Any) -> bool:
        """Return whether this person may change this template."""
        return not draft.is_builtin and super().may_edit(request, draft)

    def page_context(self, request: HttpRequest, draft: Any) -> dict[str, Any]:
        """Return the address that starts a message from this template."""
        start = reverse("admin:templates_app_message_add")
        return {
            "message_url": f"{start}?channel={draft.channel}&template={draft.pk}",
            "may_write_messages": request.user.has_perm("templates_app.add_message"),
        }

    def delete_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask, then delete a template; a built-in one is refused."""
        template = self.draft(request, object_id)
        if not self.has_delete_permission(request, template):
            raise PermissionDenied
        if request.method == "POST":
            label = template.label
            try:
                editing.delete_template(template)
            except editing.NotEditable as error:
                messages.error(request, str(error))
                return HttpResponseRedirect(self.url("change", template.pk))
            messages.success(request, f"“{label}” is deleted.")
            return HttpResponseRedirect(
                reverse("admin:templates_app_template_changelist")
            )
        context = {
            "title": f"Delete: {template.label}",
            "verb": "Delete",
            "is_danger": True,
            "refusal": f"“{template.label}” is built in and cannot be deleted"
            if template.is_builtin
            else "",
            "sentences": [
                "Messages that were made from this template stay as they are."
            ],
        }
        return self.answer(request, "confirm.html", context, draft=template)

    @admin.display(description="Label", ordering="label")
    def named(self, template: Template) -> SafeString:
        """Return label and what it is for."""
        return cells.two_lines(
            template.label, template.description or template.internal_name
        )

    @admin.display(description="Channel", ordering="channel")
    def on_channel(self, template: Template) -> SafeString:
        """Return the channel with its symbol."""
        return cells.channel(template.channel)

    @admin.display(description="Kind", ordering="is_builtin")
    def kind(self, template: Template) -> str:
        """Return whether it ships with the product."""
        return "Built-in" if template.is_builtin else "Own"

    @admin.display(description="Last modified", ordering="modified_at")
    def last_modified(self, template: Template) -> SafeString:
        """Return when it was last saved, in the installation's time zone."""
        return cells.moment(template.modified_at)

    @action(description="Duplicate", url_path="duplicate-row", icon="content_copy")
    def duplicate_row(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Open the page that duplicates."""
        return HttpResponseRedirect(self.url("duplicate", object_id))

    @action(
        description="Delete",
        url_path="delete-row",
        icon="delete",
        attrs={"field": "is_builtin", "value": False},
    )
    def delete_row(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Open the page that deletes."""
        return HttpResponseRedirect(self.url("delete", object_id))
