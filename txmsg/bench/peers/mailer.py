"""django-mailer: Django renders, send_html_mail puts it into the queue, send_all."""

from __future__ import annotations

import mailer  # type: ignore[import-not-found]
from django.template import Context, Template
from mailer.engine import send_all  # type: ignore[import-not-found]
from mailer.models import MessageLog  # type: ignore[import-not-found]

from txmsg.bench.peers import running, templates


def main(rows: int) -> None:
    """Measure it once."""
    MessageLog.objects.all().delete()
    subject = Template(templates.subject())
    text, html = Template(templates.text()), Template(templates.html())

    def enqueue(count: int) -> None:
        for number in range(count):
            context = templates.context(number)
            mailer.send_html_mail(
                subject=subject.render(Context(context, autoescape=False)),
                message=text.render(Context(context, autoescape=False)),
                message_html=html.render(Context(context)),
                from_email="orders@shop.example.com",
                recipient_list=[templates.address(number)],
            )

    running.measure(rows, enqueue=enqueue, send=send_all, sent=MessageLog.objects.count)
