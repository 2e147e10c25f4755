"""What a draft can be simulated with: samples, test profiles, events, personas.

Reads; writes nothing. Each sample has a key that stands in addresses: ``own`` (the
draft's), ``type`` (the event type's), ``sample:<id>``, ``profile:<id>``,
``event:<uuid>`` and ``persona:<name>``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format

from events import recent
from events.facts import facts_of
from events.masking import MASK
from events.models import EventSample, EventType
from events.samples import TYPICAL
from templates_app.models import Message, Template, TestProfile
from templates_app.personas import Persona, personas_of
from templates_app.schema_values import Mood, form_of, made
from templates_app.simulation import Sample

SAMPLES = "Samples"
PROFILES = "Test profiles"
EVENTS = "Recent events"
PERSONAS = "Hostile personas"

RECENT = 8
_OF_RECIPIENT = ("name", "language", "timezone")
_HIDDEN_FORMS = frozenset({"uri", "email", "date", "date-time", "number", "code"})


class Unknown(LookupError):
    """There is no sample with this key, or no longer."""


@dataclass(frozen=True, slots=True)
class SampleChoice:
    """A sample that is offered; `about` says more of it in a sentence."""

    key: str
    label: str
    group: str
    about: str = ""


Draft = Message | Template


def choices_of(
    draft: Draft, event_type: EventType | None = None, *, recent_events: int = RECENT
) -> list[SampleChoice]:
    """Return what a draft can be simulated with, in groups, the most likely first.

    `event_type` is by default that of the draft.
    """
    every = all_of(draft, event_type, recent_events=recent_events)
    return [choice for choice, _ in every]


def all_of(
    draft: Draft, event_type: EventType | None = None, *, recent_events: int = RECENT
) -> list[tuple[SampleChoice, Sample]]:
    """Return every sample of a draft, loaded: a query for each group."""
    event_type = event_type or getattr(draft, "event_type", None)
    own, *typical = _own(draft, event_type)
    if typical and typical[0][1].ctx in ({}, own[1].ctx):
        typical = []
    return [
        *([] if typical and not own[1].ctx else [own]),
        *typical,
        *_named(event_type),
        *_profiles(draft, event_type),
        *(_events(event_type, limit=recent_events) if event_type else ()),
        *_personas(draft, event_type),
    ]


def load(key: str, draft: Draft, event_type: EventType | None = None) -> Sample:
    """Return the sample with a key; raise Unknown."""
    event_type = event_type or getattr(draft, "event_type", None)
    kind, _, rest = key.partition(":")
    if kind == "event":
        if event_type is None:
            raise Unknown(key)
        return _event(rest, event_type)
    groups = {
        "own": lambda: _own(draft, event_type),
        "type": lambda: _own(draft, event_type),
        "sample": lambda: _named(event_type),
        "profile": lambda: _profiles(draft, event_type),
        "persona": lambda: _personas(draft, event_type),
    }
    for choice, sample in groups[kind]() if kind in groups else ():
        if choice.key == key:
            return sample
    raise Unknown(key)


def default_key(draft: Draft, event_type: EventType | None = None) -> str:
    """Return the sample to begin with: the draft's own if it has one."""
    event_type = event_type or getattr(draft, "event_type", None)
    has_better = event_type is not None and event_type.sample
    return "type" if has_better and not draft.context_sample else "own"


def _own(
    draft: Draft, event_type: EventType | None
) -> Iterator[tuple[SampleChoice, Sample]]:
    choice = SampleChoice(
        "own", "Context sample", SAMPLES, f"The sample of this {_noun(draft)}."
    )
    yield choice, _sample(choice, draft.context_sample, event_type)
    if event_type is not None:
        choice = SampleChoice(
            "type", TYPICAL, SAMPLES, f"The first sample of {event_type.name}."
        )
        yield choice, _sample(choice, event_type.sample, event_type)


def _named(event_type: EventType | None) -> Iterator[tuple[SampleChoice, Sample]]:
    if event_type is None:
        return
    for row in EventSample.objects.filter(event_type=event_type):
        choice = SampleChoice(
            f"sample:{row.pk}", row.name, SAMPLES, f"A sample of {event_type.name}."
        )
        yield choice, _sample(choice, row.ctx, event_type)


def _profiles(
    draft: Draft, event_type: EventType | None
) -> Iterator[tuple[SampleChoice, Sample]]:
    wanted = Q(event_type=None)
    if event_type is not None:
        wanted |= Q(event_type=event_type)
    for profile in TestProfile.objects.filter(wanted):
        about = "With its own data." if profile.ctx else "With the data of the sample."
        choice = SampleChoice(f"profile:{profile.pk}", profile.label, PROFILES, about)
        ctx = profile.ctx or _base(draft, event_type)
        yield choice, _sample(choice, ctx, event_type, recipient=_recipient(profile))


def _recipient(profile: TestProfile) -> dict[str, Any]:
    """Return a profile as a recipient; what it leaves open is not known of anybody."""
    names = ("name", "email", "phone", "language", "timezone")
    found = {name: getattr(profile, name) or None for name in names}
    return {name: value for name, value in found.items() if value or name == "name"}


def _events(
    event_type: EventType, *, limit: int
) -> Iterator[tuple[SampleChoice, Sample]]:
    rows = recent.recent_contexts(event_type, limit) if limit else []
    facts = facts_of([event_id for event_id, *_ in rows])
    for event_id, received_at, external_id, ctx in rows:
        at = date_format(timezone.localtime(received_at), "j M, H:i:s")
        label = f"{at} · {external_id}" if external_id else at
        choice = SampleChoice(f"event:{event_id}", label, EVENTS, "An event as posted.")
        person = facts[event_id].recipient if event_id in facts else {}
        yield choice, _masked_sample(choice, ctx, event_type, person)


def _event(text: str, event_type: EventType) -> Sample:
    try:
        event_id = UUID(text)
    except ValueError:
        raise Unknown(f"event:{text}") from None
    ctx = recent.ctx_of(event_id, event_type)
    facts = facts_of([event_id]).get(event_id)
    if ctx is None or facts is None:
        raise Unknown(f"event:{text}")
    choice = SampleChoice(f"event:{event_id}", f"Event {event_id}", EVENTS)
    return _masked_sample(choice, ctx, event_type, facts.recipient)


def _personas(
    draft: Draft, event_type: EventType | None
) -> Iterator[tuple[SampleChoice, Sample]]:
    contract = event_type.contract if event_type else {}
    for persona in personas_of(contract, _base(draft, event_type)):
        yield _persona(persona, event_type)


def _persona(
    persona: Persona, event_type: EventType | None
) -> tuple[SampleChoice, Sample]:
    key = f"persona:{persona.name}"
    choice = SampleChoice(key, persona.label, PERSONAS, persona.about)
    sample = _sample(choice, persona.ctx, event_type, recipient=persona.recipient)
    return choice, sample


def _base(draft: Draft, event_type: EventType | None) -> Mapping[str, Any]:
    """Return the data that stands in where a sample brings none."""
    if event_type is not None and event_type.sample:
        return dict(event_type.sample)
    return dict(draft.context_sample)


def _sample(
    choice: SampleChoice,
    ctx: Mapping[str, Any],
    event_type: EventType | None,
    *,
    recipient: Mapping[str, Any] | None = None,
    masked: tuple[str, ...] = (),
) -> Sample:
    return Sample(
        ctx=ctx,
        event_type=event_type.name if event_type else "",
        contract=event_type.contract if event_type else None,
        recipient=recipient or {},
        label=choice.label,
        masked=masked,
    )


def _masked_sample(
    choice: SampleChoice,
    ctx: Mapping[str, Any],
    event_type: EventType,
    person: Mapping[str, Any],
) -> Sample:
    """Return a real event as a sample: what is hidden is replaced, and named."""
    base = made(event_type.contract, event_type.sample, Mood())
    hidden: list[str] = []
    shown = _unmasked(ctx, base, "", hidden)
    # No addresses: who it was is no matter of what is rendered.
    recipient = {name: person.get(name) for name in _OF_RECIPIENT}
    return _sample(choice, shown, event_type, recipient=recipient, masked=tuple(hidden))


def _unmasked(value: Any, example: Any, path: str, hidden: list[str]) -> Any:
    """Return a value with stand-ins of the right form for what is masked in it.

    A text stays masked; an address, a number or an object would break what is
    rendered, so the example's stands in.
    """
    if value == MASK:
        hidden.append(path)
        is_text = isinstance(example, str) or example is None
        if not is_text or form_of({}, example) in _HIDDEN_FORMS:
            return _stand_in(example)
        return value
    if isinstance(value, dict):
        known = example if isinstance(example, dict) else {}
        return {
            key: _unmasked(
                each, known.get(key), f"{path}.{key}" if path else key, hidden
            )
            for key, each in value.items()
        }
    if isinstance(value, list):
        first = example[0] if isinstance(example, list) and example else None
        return [
            _unmasked(each, first, f"{path}.{at}", hidden)
            for at, each in enumerate(value)
        ]
    return value


def _stand_in(example: Any) -> Any:
    is_address = isinstance(example, str) and form_of({}, example) == "uri"
    return "https://example.com/hidden" if is_address else example


def _noun(draft: Draft) -> str:
    return "message" if isinstance(draft, Message) else "template"
