"""django-post_office: a template in the database, send_many, then send_queued."""

from __future__ import annotations

from post_office import mail  # type: ignore[import-not-found]
from post_office.models import (  # type: ignore[import-not-found]
    STATUS,
    Email,
    EmailTemplate,
)

from txmsg.bench.peers import running, templates

_AT_ONCE = 500


def main(rows: int) -> None:
    """Measure it once."""
    Email.objects.all().delete()
    EmailTemplate.objects.all().delete()
    template = EmailTemplate.objects.create(
        name="order-confirmed",
        subject=templates.subject(),
        content=templates.text(),
        html_content=templates.html(),
    )

    def enqueue(count: int) -> None:
        for first in range(0, count, _AT_ONCE):
            mail.send_many(
                [
                    {
                        "recipients": [templates.address(number)],
                        "template": template,
                        "context": templates.context(number),
                    }
                    for number in range(first, min(first + _AT_ONCE, count))
                ]
            )

    def send() -> None:
        # What the command send_queued_mail does, less its lock file.
        while mail.get_queued().exists():
            mail.send_queued(processes=1, log_level=0)

    running.measure(
        rows,
        enqueue=enqueue,
        send=send,
        sent=Email.objects.filter(status=STATUS.sent).count,
    )
