"""A client of txmsg for Python: the standard library alone, typed, safe to retry.

from txmsg_client import Client, NewEvent, Recipient

with Client("https://mail.example.com", key) as txmsg:
    txmsg.send(NewEvent(type="order.confirmed", recipient=Recipient(email=…)))
"""

from __future__ import annotations

from txmsg_client.client import Client
from txmsg_client.errors import (
    Conflict,
    Fault,
    Gone,
    Invalid,
    NoAnswer,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    Problem,
    TooMany,
    TxmsgError,
    Unavailable,
)
from txmsg_client.results import (
    Accepted,
    Attempt,
    BatchResult,
    Delivery,
    Device,
    Event,
    NewEvent,
    Preview,
    Recipient,
    State,
    Validation,
)
from txmsg_client.transport import Patience

__all__ = [
    "Accepted",
    "Attempt",
    "BatchResult",
    "Client",
    "Conflict",
    "Delivery",
    "Device",
    "Event",
    "Fault",
    "Gone",
    "Invalid",
    "NewEvent",
    "NoAnswer",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "Patience",
    "Preview",
    "Problem",
    "Recipient",
    "State",
    "TooMany",
    "TxmsgError",
    "Unavailable",
    "Validation",
]
