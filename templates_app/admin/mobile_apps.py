"""Mobile apps in the admin: what a push message can be for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from templates_app.models import MobileApp, Platform


class MobileAppForm(forms.ModelForm):
    """An app's names and the platforms that it runs on."""

    platforms = forms.MultipleChoiceField(
        choices=Platform.choices, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = MobileApp
        fields = ("label", "internal_name", "platforms")
        widgets = {
            "label": UnfoldAdminTextInputWidget,
            "internal_name": UnfoldAdminTextInputWidget,
        }


@admin.register(MobileApp)
class MobileAppAdmin(ModelAdmin):
    """The apps that push messages go to."""

    form = MobileAppForm
    fields = ("label", "internal_name", "platforms")
    list_display = ("label", "internal_name", "on_platforms")
    search_fields = ("label", "internal_name")
    change_list_template = "templates_app/drafts.html"
    actions = None

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list with its own words."""
        words = {
            "create_label": "New mobile app",
            "title": "Mobile apps",
            "empty": "Push messages go to an app on somebody's phone. Name yours here, "
            "and choose it in a push message.",
        }
        return super().changelist_view(request, {**words, **(extra_context or {})})

    @admin.display(description="Platforms")
    def on_platforms(self, app: MobileApp) -> str:
        """Return the platforms by name."""
        return ", ".join(Platform(each).label for each in app.platforms)
