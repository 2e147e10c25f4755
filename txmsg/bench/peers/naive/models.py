"""Its one table."""

from __future__ import annotations

from django.db import models


class Outgoing(models.Model):
    """A mail to be sent: to whom, and with what."""

    address = models.EmailField()
    context = models.JSONField()
    status = models.CharField(max_length=10, default="queued", db_index=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "naive"

    def __str__(self) -> str:
        return self.address
