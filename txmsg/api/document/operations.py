"""What no route says of an operation: its answers, its refusals and its headers.

By the name of the function that serves it, which is its `operationId`. Examples stand
in `examples.json` under the same names; each is a request that a test sends.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from txmsg.api.document import answers, webhooks

_EXAMPLES = Path(__file__).with_name("examples.json")

WEBHOOKS: dict[str, Any] = webhooks.section()
"""The section ``webhooks`` of the document: path items by the name of what is sent."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with a status: what it means, what it holds, and which headers.

    Without a `model` it is the one that the route declares, if it does.
    `leads` are operations that take something of it, by the names of their parameters.
    """

    about: str
    model: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    leads: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of an operation; `refusals` are statuses besides the usual ones."""

    answers: Mapping[int, Answered]
    refusals: tuple[int, ...] = ()
    takes_key: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A request that a test sends, and what comes of it.

    In `path` and `query` stand names that the test replaces by what it has made.
    """

    summary: str
    status: int
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    answer: Mapping[str, Any] | None = None


_ACCEPTED = Answered(
    "It is stored.",
    answers.PostedEvent,
    ("Location",),
    leads={"get_event": {"event_id": "id"}},
)
_REPEATED = Answered(
    "It was accepted before: this is the first answer.",
    answers.PostedEvent,
    ("Location", "Idempotent-Replayed"),
)
_NOT_ACTIVE = (409,)
_REPLAYED = ("Idempotent-Replayed",)

TOLD: dict[str, Told] = {
    "openapi": Told({200: Answered("The document.")}),
    "post_event": Told(
        {202: _ACCEPTED, 200: _REPEATED}, refusals=(404, 409, 429), takes_key=True
    ),
    "post_batch": Told(
        {
            202: Answered("All of them are stored.", answers.AcceptedBatch),
            200: Answered(
                "The batch was accepted before.", answers.AcceptedBatch, _REPLAYED
            ),
            207: Answered(
                "Some are refused: look at each result. Only in the mode `permissive`.",
                answers.AcceptedBatch,
                _REPLAYED,
            ),
        },
        refusals=(404, 409, 429),
        takes_key=True,
    ),
    "list_events": Told(
        {200: Answered("A page.", leads={"get_event": {"event_id": "data/0/id"}})}
    ),
    "validate_event": Told(
        {200: Answered("What posting it would answer, and what would be sent.")}
    ),
    "get_event": Told({200: Answered("Where it stands.")}),
    "cancel_event": Told(
        {200: Answered("What had not left is stopped.")}, refusals=(409,)
    ),
    "replay_event": Told(
        {
            202: Answered(
                "It is stored as a new event.",
                headers=("Location",),
                leads={"get_event": {"event_id": "id"}},
            ),
            200: Answered(
                "It was replayed before: this is the first answer.",
                headers=("Location", "Idempotent-Replayed"),
            ),
        },
        refusals=(409, 410, 429),
        takes_key=True,
    ),
    "get_delivery": Told({200: Answered("Where it stands.")}),
    "get_content": Told(
        {200: Answered("The message, and whether it is the one that was sent.")},
        refusals=(409, 410),
    ),
    "list_event_types": Told(
        {
            200: Answered(
                "A page.",
                answers.EventTypes,
                leads={
                    "get_event_type": {"name": "data/0/name"},
                    "get_event_type_schema": {"name": "data/0/name"},
                },
            )
        }
    ),
    "get_event_type": Told({200: Answered("It.", answers.EventTypeDetails)}),
    "get_event_type_schema": Told(
        {200: Answered("Its contract.", answers.EventTypeSchema)}
    ),
    "preview_message": Told(
        {
            200: Answered(
                "What would be sent, or why it cannot be rendered.", answers.Preview
            )
        },
        refusals=(409,),
    ),
    "send_proof": Told(
        {
            202: Answered(
                "It is on its way.",
                answers.Proof,
                ("Location",),
                leads={"get_proof": {"internal_name": "message", "number": "number"}},
            ),
            200: Answered(
                "It was asked for before, and is not sent again.",
                answers.Proof,
                ("Location", "Idempotent-Replayed"),
            ),
        },
        refusals=(409,),
        takes_key=True,
    ),
    "get_proof": Told({200: Answered("Where it stands.", answers.Proof)}),
    "list_suppressions": Told({200: Answered("A page.", answers.Suppressions)}),
    "add_suppression": Told(
        {
            201: Answered(
                "It is on the list.",
                answers.Suppression,
                ("Location",),
                leads={
                    "get_suppression": {"suppression_id": "id"},
                    "remove_suppression": {"suppression_id": "id"},
                },
            ),
            200: Answered(
                "It was on the list before, and stays as it was.",
                answers.Suppression,
                ("Location",),
            ),
        }
    ),
    "get_suppression": Told({200: Answered("The entry.", answers.Suppression)}),
    "remove_address": Told({204: Answered("It is off the list.")}, refusals=(404,)),
    "remove_suppression": Told({204: Answered("It is off the list.")}),
    "list_webhooks": Told({200: Answered("All of them.", webhooks.Webhooks)}),
    "add_webhook": Told(
        {
            201: Answered(
                "It is made. Keep the `secret`: it is shown this once.",
                webhooks.MadeWebhook,
                ("Location",),
                leads={
                    "get_webhook": {"webhook_id": "id"},
                    "change_webhook": {"webhook_id": "id"},
                    "test_webhook": {"webhook_id": "id"},
                    "remove_webhook": {"webhook_id": "id"},
                },
            )
        },
        refusals=(409,),
    ),
    "get_webhook": Told({200: Answered("How it does.", webhooks.Webhook)}),
    "change_webhook": Told({200: Answered("As it is now.", webhooks.Webhook)}),
    "remove_webhook": Told({204: Answered("It is told nothing any more.")}),
    "rotate_webhook_secret": Told(
        {
            200: Answered(
                "Keep the `secret`: it is shown this once.", webhooks.WebhookSecret
            )
        }
    ),
    "test_webhook": Told(
        {202: Answered("It is sent at once.", webhooks.QueuedWebhook)},
        refusals=_NOT_ACTIVE,
    ),
    "list_webhook_messages": Told({200: Answered("A page.", webhooks.WebhookMessages)}),
    "get_webhook_message": Told(
        {200: Answered("Where it stands.", webhooks.WebhookMessage)}
    ),
    "redeliver_webhook_message": Told(
        {202: Answered("It is sent at once.", webhooks.QueuedWebhook)},
        refusals=_NOT_ACTIVE,
    ),
    "recover_webhook_messages": Told(
        {202: Answered("They are sent at once.", webhooks.RecoveredWebhooks)},
        refusals=_NOT_ACTIVE,
    ),
}


PARAMETERS = {
    "cursor": "`next_cursor` of the page before; without it, the first.",
    "delivery_id": "The id of a delivery.",
    "event_id": "The id of an event.",
    "external_id": "Those with an id of yours.",
    "internal_name": "The internal name of a message.",
    "limit": "How many on a page; 50 unless given.",
    "message_id": "The `webhook_id` of a message to the endpoint.",
    "name": "The name of an event type.",
    "number": "The number of a proof.",
    "recipient": "Those that were for an address, or went to it.",
    "since": "Those received at a time or later.",
    "status": "Those with a status.",
    "suppression_id": "The id of an entry.",
    "type": "Those of an event type.",
    "until": "Those received before a time.",
    "webhook_id": "The id of an endpoint.",
}
"""What parameters mean that no route explains."""


@functools.cache
def examples() -> Mapping[str, list[Example]]:
    """Return the examples of each operation, the one to begin with first."""
    read = json.loads(_EXAMPLES.read_text(encoding="utf-8"))
    return {name: [Example(**each) for each in listed] for name, listed in read.items()}


def models() -> set[type[BaseModel]]:
    """Return every model of an answer."""
    told = (each for said in TOLD.values() for each in said.answers.values())
    answered = {each.model for each in told if each.model is not None}
    return answered | {answers.Problem, *webhooks.BODIES.values()}
