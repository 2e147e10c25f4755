"""Content blocks in the admin: their text, their versions, and who uses them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter

from events.models import Channel, EventType
from templates_app import content_blocks
from templates_app.admin import cells
from templates_app.admin.frame import editor_of, posted
from templates_app.models import ContentBlock, ContentBlockVersion, Message
from templates_app.rendering import RenderError
from templates_app.rendering.liquid import parse
from templates_app.vocabulary import vocabulary
from templates_app.vocabulary_words import BLOCK_HELP

_VERSIONS = 20


class ContentBlockForm(forms.ModelForm):
    """A block's names and its two texts."""

    class Meta:
        model = ContentBlock
        fields = ("label", "internal_name", "description", "html", "text")
        widgets = {
            "description": forms.Textarea(attrs={"rows": 2}),
            "html": forms.Textarea(
                attrs={"rows": 10, "class": "tx-code", "data-text": "html"}
            ),
            "text": forms.Textarea(
                attrs={"rows": 5, "class": "tx-code", "data-text": "text"}
            ),
        }

    def clean_html(self) -> str:
        """Refuse Liquid that cannot be read, with its place."""
        return _readable(str(self.cleaned_data["html"]), html=True)

    def clean_text(self) -> str:
        """Refuse Liquid that cannot be read, with its place."""
        return _readable(str(self.cleaned_data["text"]), html=False)

    def clean(self) -> dict[str, Any]:
        """Ask for one text at least."""
        cleaned: dict[str, Any] = super().clean() or {}
        is_empty = not (cleaned.get("html", " ") or cleaned.get("text", " "))
        if is_empty:
            self.add_error("html", "Write the HTML, the text, or both.")
        return cleaned


class TextFilter(DropdownFilter):
    """Blocks that have one of the two texts."""

    title = "for"
    parameter_name = "for"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the two texts by where they stand."""
        return [("html", "The body of emails"), ("text", "Subjects, texts, SMS, push")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ContentBlock]
    ) -> QuerySet[ContentBlock]:
        """Return blocks that have the chosen text."""
        name = self.value()
        return queryset.exclude(**{name: ""}) if name in ("html", "text") else queryset


@admin.register(ContentBlock)
class ContentBlockAdmin(ModelAdmin):
    """What many messages share."""

    list_display = ("named", "kinds", "version", "last_modified")
    list_display_links = ("named",)
    list_filter = (TextFilter, ("modified_at", RangeDateFilter))
    list_filter_submit = True
    search_fields = ("label", "internal_name", "description", "html", "text")
    search_help_text = "Search label, name and content"
    change_list_template = "templates_app/drafts.html"
    actions = None

    def get_urls(self) -> list[URLPattern]:
        """Put the page that rolls back and what the picker asks before Django's own."""
        back = path(
            "<int:pk>/version/<int:number>/",
            self.admin_site.admin_view(self.version_view),
            name="templates_app_contentblock_version",
        )
        words = path(
            "vocabulary/",
            self.admin_site.admin_view(self.vocabulary_view),
            name="templates_app_contentblock_vocabulary",
        )
        return [back, words, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list with its own words."""
        words = {
            "create_label": "New content block",
            "title": "Content blocks",
            "empty": "A content block is written once and used by many messages: a "
            "greeting, an address, a legal notice. A change reaches each of them when "
            "it is published next.",
        }
        return super().changelist_view(request, {**words, **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a block, who uses it and how it stood, or save what was typed."""
        block = self._block(request, object_id)
        is_new = block.pk is None
        may_edit = (
            self.has_add_permission(request)
            if is_new
            else self.has_change_permission(request, block)
        )
        form = ContentBlockForm(posted(request), instance=block)
        if request.method == "POST":
            if not may_edit:
                raise PermissionDenied
            if form.is_valid() and self._saved(request, form, is_new=is_new):
                return HttpResponseRedirect(_address("change", block.pk))
        stood = ContentBlock.objects.filter(pk=block.pk).first()
        context = {
            "title": "New content block" if is_new else str(stood),
            "form": form,
            "shared": stood,
            # Who was told that it changed has seen the newest.
            "seen": None if form.non_field_errors() else _seen(request),
            "may_edit": may_edit,
            "may_delete": bool(stood) and self.has_delete_permission(request, stood),
            "users": _users(stood.internal_name) if stood else [],
            "event_types": EventType.objects.order_by("name"),
            "event_type": _spoken_of(request, stood),
            "versions": stood.versions.select_related("author")[:_VERSIONS]
            if stood
            else [],
        }
        return self._answer(request, "block.html", context)

    def version_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """Show an old version beside the present one; make it the newest."""
        block = self._block(request, str(pk))
        version = block.versions.filter(number=number).first()
        if version is None:
            raise Http404("There is no such version.")
        if request.method == "POST":
            if not self.has_change_permission(request, block):
                raise PermissionDenied
            self._roll_back(request, block, version)
            return HttpResponseRedirect(_address("change", pk))
        context = {
            "title": f"{block.label}, version {number}",
            "shared": block,
            "version": version,
            "may_edit": self.has_change_permission(request, block)
            and number != block.number,
        }
        return self._answer(request, "block_version.html", context)

    def vocabulary_view(self, request: HttpRequest) -> HttpResponse:
        """Return what a block can speak of, with the data of a type, as JSON."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        chosen = _spoken_of(request, None)
        event_type = EventType.objects.filter(pk=chosen or 0).first()
        words = vocabulary(
            contract=event_type.contract if event_type else None,
            sample=event_type.sample if event_type else {},
            sensitive=event_type.sensitive_paths if event_type else (),
        )
        # A block holds no other one.
        words["tags"].remove(BLOCK_HELP)
        return JsonResponse(words, json_dumps_params={"default": float})

    def delete_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask, then delete a block that nothing uses; else say what does."""
        block = self._block(request, object_id)
        if not self.has_delete_permission(request, block):
            raise PermissionDenied
        refusal = ""
        try:
            if request.method == "POST":
                content_blocks.delete(block)
                messages.success(request, f"“{block.label}” is deleted.")
                return HttpResponseRedirect(_address("changelist"))
            users = content_blocks.used_by(block.internal_name)
            refusal = str(content_blocks.InUse(users)) if users else ""
        except content_blocks.InUse as error:
            refusal = str(error)
        context = {
            "title": f"Delete: {block.label}",
            "verb": "Delete",
            "draft": block,
            "is_danger": True,
            "refusal": refusal,
            "sentences": ["Nothing uses it. Its versions are deleted too."],
            "urls": {"change": _address("change", block.pk)},
        }
        return self._answer(request, "confirm.html", context)

    # --- cells

    @admin.display(description="Label", ordering="label")
    def named(self, block: ContentBlock) -> SafeString:
        """Return label and the name that content calls it by."""
        return cells.two_lines(block.label, block.internal_name)

    @admin.display(description="For")
    def kinds(self, block: ContentBlock) -> str:
        """Return where it can stand."""
        has = [("HTML", block.html), ("text", block.text)]
        return " and ".join(name for name, text in has if text)

    @admin.display(description="Version", ordering="number")
    def version(self, block: ContentBlock) -> int:
        """Return the number of the version that is taken up at the next publish."""
        return block.number

    @admin.display(description="Last modified", ordering="modified_at")
    def last_modified(self, block: ContentBlock) -> SafeString:
        """Return when it was last saved, in the installation's time zone."""
        return cells.moment(block.modified_at)

    # --- what the pages share

    def _block(self, request: HttpRequest, object_id: str | None) -> ContentBlock:
        if object_id is None:
            if not self.has_add_permission(request):
                raise PermissionDenied
            return ContentBlock()
        block: ContentBlock | None = self.get_object(request, object_id)
        if block is None:
            raise Http404("There is no such content block.")
        if not self.has_view_permission(request, block):
            raise PermissionDenied
        return block

    def _saved(
        self, request: HttpRequest, form: ContentBlockForm, *, is_new: bool
    ) -> bool:
        block: ContentBlock = form.instance
        try:
            content_blocks.save(block, author=editor_of(request), seen=_seen(request))
        except content_blocks.Stale as error:
            form.add_error(None, f"{error} Look at it first; saving again replaces it.")
            return False
        except content_blocks.InUse as error:
            form.add_error("internal_name", f"{error} Its name is fixed.")
            return False
        if is_new:
            self.log_addition(request, block, "Created.")
        else:
            self.log_change(request, block, "Saved.")
        messages.success(request, f"“{block.label}” is saved.{_reach(block)}")
        return True

    def _roll_back(
        self, request: HttpRequest, block: ContentBlock, version: ContentBlockVersion
    ) -> None:
        content_blocks.roll_back(block, version, author=editor_of(request))
        self.log_change(request, block, f"Rolled back to version {version.number}.")
        messages.success(
            request,
            f"Version {block.number} of “{block.label}” says what version "
            f"{version.number} said.{_reach(block)}",
        )

    def _answer(
        self, request: HttpRequest, template: str, context: dict[str, Any]
    ) -> TemplateResponse:
        request.current_app = self.admin_site.name
        shared = {
            **self.admin_site.each_context(request),
            "list_url": _address("changelist"),
        }
        return TemplateResponse(
            request, f"templates_app/{template}", {**shared, **context}
        )


def _readable(text: str, *, html: bool) -> str:
    text = text.replace("\r\n", "\n")
    try:
        parse(text, html=html, part="html" if html else "text")
    except RenderError as error:
        place = f"Line {error.line}, column {error.column}: " if error.line else ""
        raise forms.ValidationError(f"{place}{error.message}.") from error
    if "{% block" in text:
        raise forms.ValidationError("A content block cannot hold another one.")
    return text


def _users(name: str) -> list[dict[str, Any]]:
    """Return what uses a block, as its page shows it."""
    return [
        {
            "label": draft.label,
            "url": reverse(
                f"admin:templates_app_{draft._meta.model_name}_change", args=[draft.pk]
            ),
            "kind": draft._meta.verbose_name,
            "channel": Channel(draft.channel).label,
            "pills": cells.pills(draft) if isinstance(draft, Message) else "",
        }
        for draft in content_blocks.used_by(name)
    ]


def _spoken_of(request: HttpRequest, block: ContentBlock | None) -> int | None:
    """Return whose data is offered: what was chosen, else that of a block's user."""
    chosen = request.POST.get("event_type")
    if chosen is not None:
        return int(chosen) if chosen.isdecimal() and len(chosen) < 9 else None
    users = content_blocks.used_by(block.internal_name) if block else []
    of_users = (getattr(user, "event_type_id", None) for user in users)
    return next((found for found in of_users if found is not None), None)


def _reach(block: ContentBlock) -> str:
    """Return which live messages a change reaches, as a sentence; may be empty."""
    labels = [
        f"“{message.label}”"
        for message in content_blocks.live_messages_using(block.internal_name)
    ]
    if not labels:
        return ""
    more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    return f" It reaches {', '.join(labels[:3])}{more} when published next."


def _seen(request: HttpRequest) -> int | None:
    """Return the number of the version that a page showed, where it says so."""
    number = request.POST.get("seen", "")
    return int(number) if number.isdecimal() and len(number) < 9 else None


def _address(page: str, *args: object) -> str:
    return reverse(f"admin:templates_app_contentblock_{page}", args=args)
