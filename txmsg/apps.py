"""Django's entry for this app."""

from django.apps import AppConfig


class TxmsgConfig(AppConfig):
    """Name and label of the app."""

    name = "txmsg"
    verbose_name = "Operations"
