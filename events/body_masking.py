"""Bodies as people may see them who must not see data: keys and shape, no value.

A body that is no JSON shows where its letters are, and none of them. What names a
thing and not a person stays: keys, the event type, channel, lane and mode.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from events import strict_json
from events.masking import MASK
from events.models import Channel, Lane
from events.problems import Refused

OMITTED = "…"
"""Stands for an item that is left out, so that the others keep their place."""
MAX_BYTES = 1024 * 1024
MAX_TEXT = 4_000
_MAX_NODES = 600
# A key of a letter or two is nobody's name, and may stand in any sentence.
_SHORTEST_NAME = 3
_MAX_KEYS = 200
_MAX_ITEMS = 20
_MAX_PLACES = 1_000
_MAX_DEPTH = 20
# A name as programs have them. What begins like a key of ours, many digits, or a long
# mixture of letters and digits may be a secret or a person's.
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$:-]{0,63}")
_SECRET = re.compile(r"\d{5}|txk_|whsec_|[A-Za-z0-9]{32}")
_DIGITS_OF_A_SECRET = 3
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
_CLEAN = re.compile("[\x00\ud800-\udfff]")
_CLOSED = re.compile(r"(?:/events/\d+)?/(type|channel|lane)|/(mode)")
_CHOICES: dict[str, Collection[str]] = {
    "channel": [str(value) for value in Channel.values],
    "lane": [str(value) for value in Lane.values],
    "mode": ("strict", "permissive"),
}


@dataclass(frozen=True, slots=True)
class MaskedBody:
    """A body without its values.

    `types` are the event types that it names; `places` say what became of pointers,
    and `names` of keys, that were masked themselves.
    """

    text: str
    is_json: bool
    types: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def masked(
    raw: bytes, pointers: Iterable[str] = (), *, known_types: Collection[str] = ()
) -> MaskedBody:
    """Return a body masked; what the pointers point at is never left out.

    A known event type stays whatever its name, another if its name is one.
    """
    try:
        value = strict_json.parse(raw).value
    except Refused:
        text = raw[: 4 * MAX_TEXT].decode(errors="replace")[:MAX_TEXT]
        return MaskedBody(_storable(re.sub(r"\w", "x", text)), is_json=False)
    masking = _Masking(_with_ancestors(pointers), known_types)
    made = masking.value(value, "", "", 1)
    return MaskedBody(
        strict_json.dumps(made),
        is_json=True,
        types=tuple(masking.types),
        places=masking.places,
        names=masking.names,
    )


def masked_problem(problem: Mapping[str, Any], body: MaskedBody) -> dict[str, Any]:
    """Return problem details in which no key stands that was masked in the body."""
    errors = [
        {
            **fault,
            "pointer": _place(fault["pointer"], body.places),
            "message": _renamed(fault["message"], body.names),
        }
        for fault in problem["errors"]
    ]
    detail = _renamed(problem["detail"], body.names)
    return {**problem, "detail": detail, "errors": errors}


def is_name(text: str) -> bool:
    """Say whether a text is a name as programs have them, and no secret or address."""
    return (
        _NAME.fullmatch(text) is not None
        and _SECRET.search(text) is None
        and not any(
            sum(map(str.isdigit, run)) >= _DIGITS_OF_A_SECRET
            for run in _RUN.findall(text)
        )
    )


class _Masking:
    """One body on its way to being masked, and what is learnt of it."""

    def __init__(self, wanted: set[str], known_types: Collection[str]) -> None:
        self.types: dict[str, None] = {}
        self.places: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self._wanted = wanted
        self._known_types = known_types
        self._left = _MAX_NODES

    def value(self, value: Any, pointer: str, shown: str, depth: int) -> Any:
        """Return a value masked; `shown` is its pointer as it is masked itself."""
        self._left -= 1
        if pointer in self._wanted:
            self.places[pointer] = shown
        if isinstance(value, dict | list) and depth > _MAX_DEPTH:
            return OMITTED
        if isinstance(value, dict):
            return self._object(value, pointer, shown, depth)
        if isinstance(value, list):
            return self._list(value, pointer, shown, depth)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return value if not value or self._is_closed(value, pointer) else MASK
        is_number = isinstance(value, int) or hasattr(value, "adjusted")
        return 0 if is_number else MASK

    def _object(
        self, value: dict[str, Any], pointer: str, shown: str, depth: int
    ) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, item in value.items():
            place = f"{pointer}/{strict_json.escape(key)}"
            is_full = self._left <= 0 or len(made) >= _MAX_KEYS
            if is_full and place not in self._wanted:
                continue
            name = self._key(key, made)
            below = f"{shown}/{strict_json.escape(name)}"
            made[name] = self.value(item, place, below, depth + 1)
        if len(made) < len(value):
            made[OMITTED] = f"{len(value) - len(made):,} more"
        return made

    def _list(
        self, value: list[Any], pointer: str, shown: str, depth: int
    ) -> list[Any]:
        # Of a batch the events that are at fault, and one to compare them with.
        most = 1 if pointer == "/events" else _MAX_ITEMS
        made: list[Any] = []
        for number, item in enumerate(value[:_MAX_PLACES]):
            place = f"{pointer}/{number}"
            if place in self._wanted or (number < most and self._left > 0):
                made.append(self.value(item, place, f"{shown}/{number}", depth + 1))
            else:
                made.append(OMITTED)
        return made

    def _key(self, key: str, taken: Collection[str]) -> str:
        if is_name(key):
            return key
        name = number = MASK
        for each in range(2, len(taken) + 2):
            if name not in taken:
                break
            name = f"{number} {each}"
        self.names[strict_json.escape(key)] = name
        return name

    def _is_closed(self, value: str, pointer: str) -> bool:
        """Say whether a string is one of few that may be there, and so no datum."""
        matched = _CLOSED.fullmatch(pointer)
        if matched is None:
            return False
        what = matched[1] or matched[2]
        if what != "type":
            return value in _CHOICES[what]
        if value not in self._known_types and not is_name(value):
            return False
        self.types[value] = None
        return True


def _with_ancestors(pointers: Iterable[str]) -> set[str]:
    wanted: set[str] = set()
    for pointer in pointers:
        place = pointer
        while place:
            wanted.add(place)
            place = place.rpartition("/")[0]
    return wanted


def _place(pointer: str, places: Mapping[str, str]) -> str:
    """Return a pointer as it is masked; of what the body has not, what of it stays."""
    if pointer.startswith("?"):  # It stands in the query.
        return pointer if is_name(pointer[1:]) else f"?{MASK}"
    above, missing = pointer, []
    while above and above not in places:
        above, _, step = above.rpartition("/")
        missing.append(step if step.isdigit() or is_name(step) else MASK)
    return _storable("/".join([places.get(above, ""), *reversed(missing)]))


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        if len(name.strip()) >= _SHORTEST_NAME:
            text = text.replace(name, names[name])
    return _storable(text)


def _storable(text: str) -> str:
    """Return a text without what PostgreSQL takes in no text."""
    return _CLEAN.sub("\ufffd", text)
