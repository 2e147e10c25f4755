"""Which channels an event takes: pure rules over plain data, no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from events.models import Channel

RouteKey = tuple[int, str]
"""An event type's id and a channel."""


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """The version that deliveries of a type and channel are pinned to now."""

    id: int
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class TypeRules:
    """What an event type says of its channels."""

    channel_order: tuple[str, ...]
    fan_out: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A way to the recipient."""

    channel: str
    address: str


def address_for(channel: str, recipient: Mapping[str, Any]) -> str:
    """Return the recipient's address on a channel, or nothing.

    A push address is ``platform:token`` of the first device.
    """
    if channel == Channel.EMAIL:
        return str(recipient.get("email") or "")
    if channel == Channel.SMS:
        return str(recipient.get("phone") or "")
    devices = recipient.get("push") or []
    if not devices:
        return ""
    return f"{devices[0].get('platform', '')}:{devices[0].get('token', '')}"


def reachable(
    rules: TypeRules, *, wished: str, recipient: Mapping[str, Any]
) -> list[Route]:
    """Return the ways that the wish and the addresses allow, the first choice first."""
    channels = (wished,) if wished else rules.channel_order
    return [
        Route(channel, address)
        for channel in channels
        if (address := address_for(channel, recipient))
    ]


def choose_routes(
    rules: TypeRules,
    *,
    wished: str,
    recipient: Mapping[str, Any],
    has_message: Callable[[str], bool],
) -> list[Route]:
    """Return the ways to take: the first with a message, or every one if fanned out."""
    routes = [
        route
        for route in reachable(rules, wished=wished, recipient=recipient)
        if has_message(route.channel)
    ]
    return routes if rules.fan_out and not wished else routes[:1]
