"""Django's entry for this app."""

from django.apps import AppConfig


class TemplatesAppConfig(AppConfig):
    """Name and label of the app."""

    name = "templates_app"
    verbose_name = "Transactional messages"
