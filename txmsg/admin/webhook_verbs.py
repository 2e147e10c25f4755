"""What can be done to a webhook endpoint in the admin: asked, done and answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django import forms

from events.models import EndpointStatus, WebhookEndpoint
from events.webhooks import queue
from txmsg.webhooks import endpoints
from txmsg.webhooks.forms import RecoverForm


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that is done to an endpoint, and when it is offered.

    `do` gets the form's cleaned data and returns what is said about it.
    """

    title: str
    question: str
    explanation: tuple[str, ...]
    button: str
    do: Callable[[WebhookEndpoint, dict[str, object]], str]
    statuses: tuple[str, ...] = (EndpointStatus.ACTIVE,)
    form: type[forms.Form] = forms.Form
    danger: bool = False
    permission: str = "change"


def _test(endpoint: WebhookEndpoint, _data: dict[str, object]) -> str:
    endpoints.send_test(endpoint)
    return "A test is on its way: see what is answered in its messages."


def _pause(endpoint: WebhookEndpoint, _data: dict[str, object]) -> str:
    endpoints.pause(endpoint)
    return "It is paused. What happens is kept for it."


def _resume(endpoint: WebhookEndpoint, _data: dict[str, object]) -> str:
    endpoints.resume(endpoint)
    return "It is active again, and is sent what waits."


def _recover(endpoint: WebhookEndpoint, data: dict[str, object]) -> str:
    count = endpoints.recover(endpoint, since=data["since"])  # type: ignore[arg-type]
    if not count:
        return "Nothing was given up in this time."
    return f"{count:,} message{' is' if count == 1 else 's are'} sent once more."


def _remove(endpoint: WebhookEndpoint, _data: dict[str, object]) -> str:
    queue.remove(endpoint)
    return "It is removed."


STOPPED = (EndpointStatus.PAUSED, EndpointStatus.DISABLED, EndpointStatus.GONE)
EVERY = tuple(str(status) for status in EndpointStatus.values)
VERBS = {
    "test": Verb(
        "Send a test",
        "Send a test to this endpoint?",
        ("A message of the type webhook.test is sent now, signed like every other.",),
        "Send a test",
        _test,
    ),
    "pause": Verb(
        "Pause",
        "Pause this endpoint?",
        (
            "Nothing is sent to it until it is resumed. What happens is kept for it, "
            "and sent then, unless it is too old by that time.",
        ),
        "Pause it",
        _pause,
    ),
    "resume": Verb(
        "Resume",
        "Send to this endpoint again?",
        (
            "It is sent what waits, and what comes. What was given up stays given up, "
            "unless you recover it.",
        ),
        "Resume it",
        _resume,
        statuses=STOPPED,
    ),
    "recover": Verb(
        "Recover",
        "Send what was given up once more?",
        (
            "After ten tries within three days a message is given up. Each keeps its "
            "id, so a receiver that remembers ids handles nothing twice.",
        ),
        "Send it once more",
        _recover,
        form=RecoverForm,
    ),
    "remove": Verb(
        "Remove",
        "Remove this endpoint?",
        (
            "It is told nothing any more, and what waits for it is never sent. Its "
            "messages go with it. This cannot be undone.",
            "To stop for a while, pause it.",
        ),
        "Remove it",
        _remove,
        statuses=EVERY,
        danger=True,
        permission="delete",
    ),
}
