"""Users and groups, in the same dress as the other pages, and what a group may do."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

admin.site.unregister(User)
admin.site.unregister(Group)


def what_it_may(group: Group) -> str:
    """Return in sentences what the members of a group may do in the admin."""
    verbs: dict[str, set[str]] = {"change": set(), "view": set()}
    others = []
    for permission in group.permissions.all():
        verb = permission.codename.partition("_")[0]
        if verb in verbs:
            verbs[verb] |= _pages_of(permission.content_type)
        elif verb not in ("add", "delete"):
            others.append(f"{permission.name}.")
    found = sorted(others)
    if verbs["view"] - verbs["change"]:
        found.insert(0, f"Sees {_listed(verbs['view'] - verbs['change'])}.")
    if verbs["change"]:
        found.insert(0, f"Edits {_listed(verbs['change'])}.")
    return " ".join(found) or "Nothing yet."


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """Who may sign in, and what they may do."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    filter_horizontal = ()  # its two boxes have no names that a screen reader can say

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return the groups as boxes to tick; other fields as they are."""
        if db_field.name == "groups":
            kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
            kwargs["help_text"] = _groups_in_words()
            return db_field.formfield(**kwargs)
        return super().formfield_for_manytomany(db_field, request, **kwargs)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Permissions that several people share."""

    filter_horizontal = ()
    list_display = ("name", "may")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """Return groups with their permissions, for the list."""
        rows: QuerySet[Group] = super().get_queryset(request)
        return rows.prefetch_related("permissions__content_type")

    @admin.display(description="What it may do")
    def may(self, group: Group) -> str:
        """Return what a group may do."""
        return what_it_may(group)


def _groups_in_words() -> SafeString:
    """Return what each group may do, a paragraph a group."""
    groups = Group.objects.prefetch_related("permissions__content_type")
    lines = ((group.name, what_it_may(group)) for group in groups.order_by("name"))
    return format_html(
        "A person may do what any of their groups may.{}",
        format_html_join("", "<br><b>{}</b>: {}", lines),
    )


def _pages_of(content_type: Any) -> set[str]:
    """Return the name of a model's page, if the admin has one."""
    model = content_type.model_class()
    if model is None or not admin.site.is_registered(model):
        return set()
    return {str(model._meta.verbose_name_plural)}


def _listed(names: set[str]) -> str:
    *first, last = sorted(names)
    return f"{', '.join(first)} and {last}" if first else last
