"""Tables, the event type, the published message and a key: what every part needs."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command

from events import api_keys
from events.models import Channel, EventType, Source
from templates_app import publishing
from templates_app.models import Message
from txmsg.bench import mail

TYPE = "order.confirmed"
SOURCE = "bench"


def prepare(postgres_pid: int = 0) -> dict[str, Any]:
    """Migrate, publish the mail of the benchmark, and make an API key."""
    call_command("migrate", interactive=False, verbosity=0)
    event_type = EventType.objects.create(
        name=TYPE, label="Order confirmed", contract=mail.CONTRACT
    )
    message = Message.objects.create(
        label="Order confirmed",
        internal_name="order-confirmed",
        channel=Channel.EMAIL,
        event_type=event_type,
        context_sample=mail.context(0),
        content={"en": mail.CONTENT},
    )
    version = publishing.publish(message)
    source = Source.objects.create(name=SOURCE)
    _, key = api_keys.create(source)
    return {"key": key, "version": version.pk}
