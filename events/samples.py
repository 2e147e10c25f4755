"""The named samples of an event type; the only writer of `EventSample`.

The first, “Typical”, is `EventType.sample` itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from events import contract
from events.models import EventSample, EventType
from events.problems import Fault

TYPICAL = "Typical"


@dataclass(frozen=True, slots=True)
class NamedSample:
    """An example of a context; `pk` is None for the typical one and for a new one."""

    name: str
    ctx: Mapping[str, Any]
    pk: int | None = None


@dataclass(frozen=True, slots=True)
class Misfit:
    """A sample that does not fit the contract, and why."""

    name: str
    faults: list[Fault]


def samples_of(event_type: EventType) -> list[NamedSample]:
    """Return the samples of a type, the typical one first unless it is empty."""
    typical = [NamedSample(TYPICAL, event_type.sample)] if event_type.sample else []
    rows = EventSample.objects.filter(event_type=event_type).order_by("name")
    return [*typical, *(NamedSample(row.name, row.ctx, row.pk) for row in rows)]


def misfits(samples: Sequence[NamedSample], schema: Mapping[str, Any]) -> list[Misfit]:
    """Return the samples that do not fit a contract; raise BrokenContract."""
    checked = [
        Misfit(sample.name, contract.faults_of(sample.ctx, schema))
        for sample in samples
    ]
    return [misfit for misfit in checked if misfit.faults]


def keep_samples(event_type: EventType, samples: Sequence[NamedSample]) -> None:
    """Make these the further samples of a type: those that are not named are deleted.

    Names may be swapped: every old row is renamed apart before any is named anew.
    """
    rows = {row.pk: row for row in event_type.samples.select_for_update()}
    kept = {sample.pk for sample in samples}
    event_type.samples.exclude(pk__in=kept & rows.keys()).delete()
    names = {sample.pk: sample.name for sample in samples}
    for pk, row in rows.items():
        if pk in names and row.name != names[pk]:
            # No name that a person can type holds this character.
            event_type.samples.filter(pk=pk).update(name=f"\x01{pk}")
    for sample in samples:
        row = rows.get(sample.pk or 0) or EventSample(event_type=event_type)
        if row.pk and (row.name, row.ctx) == (sample.name, sample.ctx):
            continue
        row.name, row.ctx = sample.name, dict(sample.ctx)
        row.save()
