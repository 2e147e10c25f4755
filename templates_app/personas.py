"""Hostile personas: contexts that an event type allows and nobody thinks of.

Each is made from the contract and a sample, and fits the contract where it can. The
same contract and sample make the same personas. Knows no model and runs no query.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from events.contract import BrokenContract, faults_of
from templates_app.schema_values import Mood, made

_REPAIRS = 3
_WORDS_RTL = "שלום עולם, ברוכים הבאים! مرحبا بكم جميعا 123"
_WORDS_EMOJI = (
    "👩🏽\u200d🚀 Zoe\u0308 e\u0301te\u0301 🇪🇺 n\u0303 ☕️ \uff37\uff29\uff24\uff25"
)
_WORDS_MARKUP = "\"'><script>alert(1)</script><img src=x onerror=alert(2)> & </td>"
_WORDS_QUOTES = 'O\'Neil "Ace" \\ back\\slash {{ ctx.x }} {% if %} `tick` $1 %s'
_LONG = (
    "Konstantinopolitanische Dampfschifffahrtsgesellschaft of the Far and Farther "
    "Isles, Second Branch Office, Accounts and Correspondence Department; "
)
_UNBROKEN = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbau"


@dataclass(frozen=True, slots=True)
class Persona:
    """A made-up context; `about` says in a sentence what is hostile in it.

    `recipient` holds what is special of the recipient; None stands for not known.
    """

    name: str
    label: str
    about: str
    ctx: dict[str, Any]
    recipient: dict[str, Any] = field(default_factory=dict)


_KINDS: list[tuple[str, str, str, Mood, dict[str, Any]]] = [
    (
        "complete",
        "Everything given",
        "Every field of the contract has a value.",
        Mood(),
        {},
    ),
    (
        "bare",
        "Optionals missing",
        "Only what the contract requires; the recipient has no name.",
        Mood(keeps_optional=False),
        {"name": None, "language": None, "timezone": None},
    ),
    (
        "nulls",
        "Nulls",
        "Every value that may be null is null.",
        Mood(is_null=True),
        {},
    ),
    (
        "blank",
        "Empty texts",
        "Every text that may be empty is empty.",
        Mood(text=""),
        {"name": ""},
    ),
    (
        "empty-lists",
        "Empty lists",
        "Lists are as short as the contract allows.",
        Mood(items=0),
        {},
    ),
    ("one-item", "One item", "Lists have a single item.", Mood(items=1), {}),
    (
        "many-items",
        "200 items",
        "Lists have 200 items, or as many as may be.",
        Mood(items=200),
        {},
    ),
    (
        "longest",
        "Longest texts",
        "Texts are as long as they may be, at most 300 characters.",
        Mood(text=_LONG, fills=True),
        {"name": "Wilhelmina Konstantinopolitanische-Featherstonehaugh III"},
    ),
    (
        "unbroken",
        "Unbroken words",
        "One long word without a place to break it.",
        Mood(text=_UNBROKEN),
        {"name": _UNBROKEN},
    ),
    (
        "right-to-left",
        "Right-to-left",
        "Hebrew and Arabic words in every text.",
        Mood(text=_WORDS_RTL),
        {"name": "נועה בן דוד"},
    ),
    (
        "emoji",
        "Emoji and accents",
        "Emoji, combining and wide characters in every text.",
        Mood(text=_WORDS_EMOJI),
        {"name": "Zoe\u0308 🧡"},
    ),
    (
        "markup",
        "Markup",
        "A <script> and what breaks out of attributes in every text.",
        Mood(text=_WORDS_MARKUP),
        {"name": '<b onclick="x">Bob</b> \'">'},
    ),
    (
        "quotes",
        "Quotes and Liquid",
        "Quotes, backslashes and what looks like Liquid in every text.",
        Mood(text=_WORDS_QUOTES),
        {"name": 'D\'Arcy "{{ x }}" \\'},
    ),
    ("zero", "Zero", "Every number is zero, or as near as may be.", Mood(number=0), {}),
    (
        "negative",
        "Negative numbers",
        "Every number is as far below zero as may be, at most a million.",
        Mood(number=-1_000_000),
        {},
    ),
    (
        "huge",
        "Huge numbers",
        "Every number is as large as may be.",
        Mood(number=9_007_199_254_740_991),
        {},
    ),
    (
        "far-future",
        "Far future",
        "Every date lies in the year 9999; all flags are set.",
        Mood(year=9999, flag=True),
        {"timezone": "Pacific/Kiritimati"},
    ),
    (
        "far-past",
        "Far past",
        "Every date lies in the year 1900; no flag is set.",
        Mood(year=1900, flag=False),
        {"timezone": "Pacific/Pago_Pago"},
    ),
]


def personas_of(
    contract: Mapping[str, Any], sample: Mapping[str, Any]
) -> list[Persona]:
    """Return the personas of a contract; those that would be alike are left out."""
    base = made(contract, sample, Mood())
    found: list[Persona] = []
    seen: set[str] = set()
    for name, label, about, mood, recipient in _KINDS:
        ctx = _repaired(made(contract, sample, mood), contract, base)
        key = json.dumps(ctx, sort_keys=True, default=str)
        if key in seen and "name" not in recipient:
            continue
        seen.add(key)
        found.append(Persona(name, label, about, ctx, recipient))
    return found


def _repaired(
    ctx: dict[str, Any], contract: Mapping[str, Any], base: Mapping[str, Any]
) -> dict[str, Any]:
    """Put values of the base where a context breaks the contract."""
    for _ in range(_REPAIRS):
        plain = json.loads(json.dumps(ctx, default=float))
        try:
            faults = faults_of(plain, contract)
        except BrokenContract:
            return ctx
        if not faults:
            return ctx
        for fault in faults:
            _mend(ctx, list(_steps(fault.pointer)), base)
    return ctx


def _steps(pointer: str) -> Iterator[str]:
    for step in pointer.removeprefix("/ctx").strip("/").split("/"):
        if step:
            yield step.replace("~1", "/").replace("~0", "~")


def _mend(value: Any, steps: list[str], base: Any) -> None:
    """Replace what stands at a path by what the base has there, or take it away."""
    if not steps:
        return
    step, rest = steps[0], steps[1:]
    if isinstance(value, list):
        if not step.isdecimal() or int(step) >= len(value):
            return
        at = int(step)
        instead = base[0] if isinstance(base, list) and base else None
        if rest:
            _mend(value[at], rest, instead)
        elif instead is not None:
            value[at] = copy.deepcopy(instead)
    elif isinstance(value, dict):
        known = isinstance(base, Mapping) and step in base
        if rest and step in value:
            _mend(value[step], rest, base[step] if known else None)
        elif known:
            value[step] = copy.deepcopy(base[step])
        else:
            value.pop(step, None)
