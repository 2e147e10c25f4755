"""What waits for a message: rows of work by stage, and until when.

Reads only. A row without a channel is an event not routed yet: it waits for this
message as long as no other channel of its type is live and it asked for no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Min, QuerySet

from events.models import Event, EventType, Stage, Work
from templates_app.models import Message

# What has begun to be sent goes its way; what an operator was asked about is his.
_OUT_OF_REACH = (Stage.SENDING, Stage.HELD)
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many messages wait, by stage, and when the first of them expires."""

    by_stage: dict[str, int] = field(default_factory=dict)
    expires_at: datetime | None = None

    @property
    def total(self) -> int:
        """How many wait, in whatever stage."""
        return sum(self.by_stage.values())

    @property
    def in_words(self) -> str:
        """The count by stage, such as ``12 paused, 3 retry``."""
        return ", ".join(
            f"{count:,} {str(Stage(stage).label).lower()}"
            for stage, count in sorted(self.by_stage.items())
        )


def waiting_for(message: Message, stages: Sequence[Stage] | None = None) -> Waiting:
    """Return what waits for a message, in some stages or in all but what is sent."""
    rows = _rows(message)
    if stages is not None:
        rows = rows.filter(stage__in=stages)
    found = list(
        rows.order_by().values_list("stage").annotate(Count("pk"), Min("expires_at"))
    )
    return Waiting(
        by_stage={stage: count for stage, count, _ in found},
        expires_at=min((expiry for _, _, expiry in found), default=None),
    )


def not_routed_beside(message: Message) -> int:
    """Return how many events of its type wait to be routed while others are live too.

    They are nobody's yet: routing gives them to the channels that are live then.
    """
    type_id = message.event_type_id
    if type_id is None or not _others_live(type_id, message.channel):
        return 0
    return Work.objects.filter(type_id=type_id, channel="").count()


def ids_waiting_for(message: Message) -> list[UUID]:
    """Return the ids of the rows that wait for a message, in their order."""
    return list(_rows(message).order_by("pk").values_list("pk", flat=True))


def _rows(message: Message) -> QuerySet[Work]:
    if message.event_type_id is None:
        return Work.objects.none()
    rows = Work.objects.filter(type_id=message.event_type_id)
    rows = rows.exclude(stage__in=_OUT_OF_REACH)
    if _others_live(message.event_type_id, message.channel):
        return rows.filter(channel=message.channel)
    elsewhere = _wishing_another(rows.filter(channel=""), message.channel)
    return rows.filter(channel__in=["", message.channel]).exclude(pk__in=elsewhere)


def _others_live(type_id: int, channel: str) -> set[str]:
    """Return the other channels of an event type that are live."""
    types = EventType.objects.filter(pk=type_id)
    return set(types.values_list("live_channels", flat=True).get()) - {channel}


def _wishing_another(unrouted: QuerySet[Work], channel: str) -> list[UUID]:
    """Return the rows whose event asked for another channel: they wait for that one."""
    ids = list(unrouted.order_by("event_id").values_list("event_id", flat=True))
    found: list[UUID] = []
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        events = Event.objects.filter(
            pk__in=batch, pk__gte=batch[0], pk__lte=batch[-1]
        ).exclude(channel__in=["", channel])
        found += events.values_list("pk", flat=True)
    rows = unrouted.filter(event_id__in=found) if found else unrouted.none()
    return list(rows.values_list("pk", flat=True))
