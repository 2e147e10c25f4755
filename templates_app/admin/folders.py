"""Folders in the admin: the tree, moving, and a filter that looks into subfolders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from templates_app import folders
from templates_app.models import Folder, Message, Template

_NONE = "none"


class FolderForm(forms.ModelForm):
    """A folder's name, and the folder that it lies in."""

    parent = forms.ModelChoiceField(
        Folder.objects.all(),
        required=False,
        label="Lies in",
        empty_label="The top",
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Folder
        fields = ("name", "parent")
        widgets = {"name": UnfoldAdminTextInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inside = folders.within(self.instance.pk) if self.instance.pk else set()
        choices = [(pk, path) for pk, path in folders.paths() if pk not in inside]
        self.fields["parent"].choices = [("", "The top"), *choices]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a name that its place has already, and what lies too deep."""
        cleaned: dict[str, Any] = super().clean() or {}
        name, parent = cleaned.get("name"), cleaned.get("parent")
        twins = Folder.objects.filter(parent=parent, name=name)
        if name and twins.exclude(pk=self.instance.pk).exists():
            place = f"“{parent.name}”" if parent else "the top"
            self.add_error("name", f"There is a folder “{name}” in {place} already.")
        return cleaned


class FolderFilter(DropdownFilter):
    """What is filed in a folder, or in one that lies in it."""

    title = "folder"
    parameter_name = "folder"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the tree of folders."""
        known = [(str(pk), path) for pk, path in folders.paths()]
        return [*known, (_NONE, "In no folder")] if known else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return what lies in the chosen folder."""
        value = str(self.value() or "")
        if value == _NONE:
            return queryset.filter(folder=None)
        if value.isdecimal():
            return queryset.filter(folder__in=folders.within(int(value)))
        return queryset


class MoveForm(forms.Form):
    """Where to file what was chosen in a list."""

    folder = forms.ModelChoiceField(
        Folder.objects.all(), required=False, empty_label="No folder"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "No folder"), *folders.paths()]
        self.fields["folder"].choices = choices  # type: ignore[attr-defined]


@admin.action(description="Move to a folder…", permissions=["change"])
def move_to_folder(
    page: ModelAdmin, request: HttpRequest, chosen: QuerySet[Any]
) -> HttpResponse | None:
    """Ask for a folder, then file the chosen messages or templates in it."""
    is_answered = "_move" in request.POST
    form = MoveForm(request.POST if is_answered else None)
    if is_answered and form.is_valid():
        folder = form.cleaned_data["folder"]
        count = folders.file_in(chosen, folder)
        place = f"in “{folder.name}”" if folder else "in no folder"
        plural = "" if count == 1 else "s"
        noun = page.opts.model_name
        messages.success(request, f"{count} {noun}{plural} filed {place}.")
        return None
    context = {
        **page.admin_site.each_context(request),
        "title": "Move to a folder",
        "form": form,
        "chosen": chosen,
        "list_url": request.get_full_path(),
    }
    return TemplateResponse(request, "templates_app/move.html", context)


@admin.register(Folder)
class FolderAdmin(ModelAdmin):
    """The tree that messages and templates are filed in."""

    form = FolderForm
    fields = ("name", "parent")
    list_display = ("name", "parent")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the tree, with what is filed where."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        lists = {
            model: reverse(f"admin:templates_app_{model}_changelist")
            for model in ("message", "template")
        }
        context = {
            **self.admin_site.each_context(request),
            "title": "Folders",
            "rows": folders.tree(),
            "lists": lists,
            "may_add": self.has_add_permission(request),
            "may_change": self.has_change_permission(request),
            "may_delete": self.has_delete_permission(request),
        }
        return TemplateResponse(request, "templates_app/folders.html", context)

    def save_model(
        self, request: HttpRequest, obj: Folder, form: Any, change: bool
    ) -> None:
        """Save a new folder; rename or move an old one."""
        if not change:
            obj.save()
            return
        parent = obj.parent
        obj.parent = Folder.objects.get(pk=obj.pk).parent
        try:
            folders.move(obj, parent)
        except folders.CannotMove as error:
            obj.save()
            messages.error(request, f"Not moved: {error}")

    def delete_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask, then delete an empty folder; one that holds something says what."""
        folder = self.get_object(request, object_id)
        if folder is None:
            raise Http404("There is no such folder.")
        if not self.has_delete_permission(request, folder):
            raise PermissionDenied
        back = reverse("admin:templates_app_folder_changelist")
        refusal = _held(folder)
        if request.method == "POST" and not refusal:
            try:
                folders.delete(folder)
            except folders.NotEmpty as error:
                messages.error(request, str(error))
            else:
                messages.success(request, f"“{folder.name}” is deleted.")
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Delete: {folder.name}",
            "verb": "Delete",
            "draft": {"label": folder.name},
            "refusal": refusal,
            "is_danger": True,
            "sentences": ["The folder is empty; nothing else is deleted."],
            "urls": {"change": back},
        }
        return TemplateResponse(request, "templates_app/confirm.html", context)


def _held(folder: Folder) -> str:
    """Return what keeps a folder from being deleted; empty if nothing does."""
    drafts: Iterable[QuerySet[Any]] = (
        Folder.objects.filter(parent=folder),
        Message.objects.filter(folder=folder),
        Template.objects.filter(folder=folder),
    )
    if not any(rows.exists() for rows in drafts):
        return ""
    return f"“{folder.name}” is not empty: move what it holds first"
