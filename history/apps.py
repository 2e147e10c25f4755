"""Django's entry for this app."""

from django.apps import AppConfig


class HistoryConfig(AppConfig):
    """Name and label of the app."""

    name = "history"
    verbose_name = "History"
