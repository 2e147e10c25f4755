"""Its one job: render a mail with Django's templates and send it."""

from __future__ import annotations

import functools

from django.core.mail import EmailMultiAlternatives
from django.template import Context, Template
from django.utils import timezone

from txmsg.bench.peers import templates
from txmsg.bench.peers.naive.models import Outgoing


@functools.cache
def _compiled() -> tuple[Template, Template, Template]:
    return (
        Template(templates.subject()),
        Template(templates.text()),
        Template(templates.html()),
    )


def send(row_id: int) -> None:
    """Send one mail and note it."""
    row = Outgoing._default_manager.get(pk=row_id)
    subject, text, html = _compiled()
    message = EmailMultiAlternatives(
        subject.render(Context(row.context, autoescape=False)),
        text.render(Context(row.context, autoescape=False)),
        to=[row.address],
    )
    message.attach_alternative(html.render(Context(row.context)), "text/html")
    message.send()
    row.status, row.sent_at = "sent", timezone.now()
    row.save(update_fields=["status", "sent_at"])
