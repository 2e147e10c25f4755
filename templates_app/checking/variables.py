"""Paths and filters of a template against what the event is known to hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from templates_app.checking import contracts
from templates_app.checking.contracts import Known, Spot, Step
from templates_app.checking.findings import Fault, Severity, nearest
from templates_app.rendering.paths import ITEM, Kind, Steps, Use, path_text

_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_NUMBER = {"type": "number"}
_FLAG = {"type": "boolean"}
_LOOP: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["index", "index0", "rindex", "rindex0", "first", "last", "length"],
    "properties": {
        **dict.fromkeys(("index", "index0", "rindex", "rindex0", "length"), _NUMBER),
        **dict.fromkeys(("first", "last"), _FLAG),
        "parentloop": {},
        "name": _TEXT,
    },
}
_ADDRESS_OF = {"email": "email", "sms": "phone"}
# Filters that fail when they are given null.
STRICT = frozenset(
    {
        *("money", "number", "plural", "date", "time", "round", "ceil", "floor", "abs"),
        *("plus", "minus", "times", "divided_by", "modulo", "at_least", "at_most"),
        *("sum",),
    }
)
# Members that Liquid has by itself.
_OF_LIST = {"first": ITEM, "last": ITEM}


def _object(required: list[str], *optional: str) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": dict.fromkeys((*required, *optional), _TEXT),
    }


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """All that a template may name, for one channel and contract.

    `is_open` says that an event may hold more than its contract names, so that an
    unknown path is a doubt and no error; `open_words` says why. Two are never equal.
    """

    contract: Mapping[str, Any]
    channel: str = "email"
    is_open: bool = False
    open_words: str = "the contract is open"

    @cached_property
    def roots(self) -> dict[str, Spot]:
        """The places that paths begin at, by name."""
        address = _ADDRESS_OF.get(self.channel)
        event = _object(
            ["id", "type", "external_id", "correlation_id", "origin", "received_at"]
        )
        event["properties"] = {
            **event["properties"],
            "ctx": {},
            "metadata": {"type": "object"},
        }
        event["required"] = [*event["required"], "ctx", "metadata"]
        recipient = _object(
            [address] if address else [],
            *("name", "email", "phone", "language", "timezone"),
        )
        recipient["properties"]["push"] = {"type": "array"}
        roots: dict[str, Any] = {
            "ctx": self.contract,
            "recipient": recipient,
            "message": _object(["internal_name", "label", "version"]),
            "event": event,
            "rtEvent": event,
            "profile": {"type": "object"},
            "now": _TIME,
            "today": {"type": "string", "format": "date"},
            "forloop": _LOOP,
        }
        return {name: contracts.start(schema) for name, schema in roots.items()}

    @cached_property
    def paths(self) -> dict[str, Steps]:
        """Every path of the contract and of the other roots, by how it is written."""
        found: dict[str, Steps] = {}
        for name, spot in self.roots.items():
            if name in {"forloop", "rtEvent"}:
                continue
            for steps in contracts.paths_of(spot, (name,)):
                found.setdefault(path_text(steps), steps)
        return found


@dataclass(frozen=True, slots=True)
class Resolved:
    """What is known of one path.

    `spot` is the place in the contract, None when nothing is known. `missing` is the
    shortest part of the path that an event may lack, `nothing` the shortest that may be
    null; both are empty when there is none.
    """

    spot: Spot | None
    known: Known = Known.NAMED
    failed: int = 0
    missing: Steps = ()
    nothing: Steps = ()


def resolve(
    steps: Steps, vocabulary: Vocabulary, *, present: frozenset[Steps]
) -> Resolved:
    """Return what a contract says of a path, given what is known to be there."""
    spot = vocabulary.roots.get(steps[0])
    if spot is None:
        return Resolved(None, Known.UNKNOWN)
    sure = {guard[:length] for guard in present for length in range(1, len(guard) + 1)}
    missing: Steps = ()
    nothing: Steps = ()
    for number, key in enumerate(steps[1:], start=1):
        here = steps[: number + 1]
        if spot.is_nullable and not nothing and steps[:number] not in sure:
            nothing = steps[:number]
        found = _followed(spot, key)
        if found.known in (Known.OPEN, Known.UNKNOWN):
            return Resolved(spot, found.known, number, missing, nothing)
        if found.known is Known.SILENT:
            return Resolved(None, Known.SILENT, number, missing, nothing)
        is_sure = here in sure or (
            (key == ITEM or key in _OF_LIST) and steps[:number] in sure
        )
        if not found.is_required and not missing and not is_sure:
            missing = here
        spot = found.spot
    if spot.is_nullable and not nothing and steps not in sure:
        nothing = steps
    return Resolved(spot, missing=missing, nothing=nothing)


def _followed(spot: Spot, key: str) -> Step:
    """Return where a step leads, with the members that Liquid itself adds."""
    found = contracts.step(spot, key)
    if found.known is Known.NAMED:
        return found
    if key == "size" and (not spot.types or spot.types & {"array", "object", "string"}):
        return Step(Known.NAMED, contracts.start({"type": "number"}), True)
    if key in _OF_LIST and "array" in spot.types:
        return contracts.step(spot, ITEM)
    if key == ITEM and "object" in spot.types:
        return Step(Known.SILENT, found.spot)
    return found


def path_faults(use: Use, vocabulary: Vocabulary) -> Iterator[Fault]:
    """Yield what is wrong or doubtful with one path."""
    found = resolve(use.steps, vocabulary, present=use.present)
    if use.steps[0] == "forloop" and not use.has_default:
        yield _unknown_root(use, vocabulary)
        return
    if found.known is Known.UNKNOWN or found.known is Known.OPEN:
        yield _unknown(use, found, vocabulary)
        return
    if not use.has_default:
        yield from _doubts(use, found)


def _unknown(use: Use, found: Resolved, vocabulary: Vocabulary) -> Fault:
    if found.spot is None:
        return _unknown_root(use, vocabulary)
    place = path_text(use.steps[: found.failed])
    name = use.steps[found.failed]
    meant = _meant(use, found, vocabulary)
    is_mine = use.steps[0] == "ctx"
    severity: Severity = "error"
    reason = "the event's contract does not have it"
    if found.spot.types and not found.spot.types & {"object", "array"}:
        meant = ""
        reason = f"{place} is {type_words(found.spot)} and has no fields"
    elif name == ITEM:
        reason = f"{place} is {type_words(found.spot)}, not a list"
    elif not is_mine:
        reason = f"{place} has {_listed(found.spot.names())}"
    elif found.known is Known.OPEN or vocabulary.is_open:
        severity = "warning"
        why = vocabulary.open_words if vocabulary.is_open else "which takes others too"
        reason = f"the event's contract does not name it ({why})"
    advice = f"did you mean {meant}?" if meant else ""
    if not advice and is_mine and found.spot.names():
        advice = f"{place} has {_listed(found.spot.names())}"
    return Fault(
        use.offset,
        "unknown_variable",
        f"there is no {use.path}: {reason}",
        advice,
        use.length,
        use.path,
        severity,
    )


def _unknown_root(use: Use, vocabulary: Vocabulary) -> Fault:
    wanted = use.path
    in_ctx = f"ctx.{wanted}"
    roots = [name for name in vocabulary.roots if name not in {"forloop", "rtEvent"}]
    near_root = nearest(use.steps[0], roots)
    if in_ctx in vocabulary.paths:
        meant = in_ctx
    elif near_root:
        meant = path_text((near_root, *use.steps[1:]))
    else:
        meant = nearest(in_ctx, vocabulary.paths, cutoff=0.75)
        if not meant and not vocabulary.roots["ctx"].names():
            meant = in_ctx
    near_name = nearest(use.steps[0], [name for name, _ in use.names])
    known = set(vocabulary.paths.values())
    fields = [name for name, steps in use.names if (*steps, *use.steps) in known]
    if fields and in_ctx not in vocabulary.paths:
        meant = path_text((fields[-1], *use.steps))
    elif near_name and in_ctx not in vocabulary.paths:
        meant = path_text((near_name, *use.steps[1:]))
    else:
        meant = _writable(meant, use, vocabulary)
    advice = f"did you mean {meant}?" if meant else f"paths begin with {_listed(roots)}"
    message = f"there is no {wanted}: {use.steps[0]} is none of the event's names"
    if use.steps[0] == "forloop":
        message, advice = "forloop stands outside of a loop", "use it inside {% for %}"
    return Fault(use.offset, "unknown_variable", message, advice, use.length, wanted)


def _meant(use: Use, found: Resolved, vocabulary: Vocabulary) -> str:
    """Return the path that was probably meant: a neighbour first, then any."""
    assert found.spot is not None  # noqa: S101  # narrows the type
    prefix, rest = use.steps[: found.failed], use.steps[found.failed + 1 :]
    near = nearest(use.steps[found.failed], found.spot.names())
    if near:
        return _written((*prefix, near, *rest), use)
    leaf = use.steps[-1]
    same = [path for path, steps in vocabulary.paths.items() if steps[-1] == leaf]
    if len(same) == 1 and same[0].startswith(use.steps[0]):
        return _writable(same[0], use, vocabulary)
    near = nearest(use.path, vocabulary.paths, cutoff=0.75)
    return _writable(near, use, vocabulary)


def _writable(path: str, use: Use, vocabulary: Vocabulary) -> str:
    steps = vocabulary.paths.get(path)
    return _written(steps, use) if steps else path


def _written(steps: Steps, use: Use) -> str:
    """Return a path as it can be written there: an item by the name of its loop."""
    if use.written == use.steps[-1] and not use.names:
        return steps[-1]  # the field that a filter names: map: 'price'
    for name, stands_for in reversed(use.names):
        length = len(stands_for)
        if stands_for and ITEM in stands_for and steps[:length] == stands_for:
            return path_text((name, *steps[length:]))
    if ITEM not in steps:
        return path_text(steps)
    at = steps.index(ITEM)
    looped = path_text(steps[:at])
    return (
        f"{path_text(('item', *steps[at + 1 :]))} inside {{% for item in {looped} %}}"
    )


def _doubts(use: Use, found: Resolved) -> Iterator[Fault]:
    """Yield a warning for a value that an event may lack, where it is needed."""
    is_needed = use.kind in (Kind.OUTPUT, Kind.LOOP, Kind.ARGUMENT) or bool(use.filters)
    if not is_needed:
        return
    if found.missing:
        yield _missing(use, found)
    elif found.nothing:
        is_whole = found.nothing == use.steps
        if is_whole and use.kind is Kind.LOOP:
            return  # a loop over nothing has no items
        what = path_text(found.nothing)
        is_shown = is_whole and not (use.filters and use.filters[0].name in STRICT)
        effect = "nothing is shown" if is_shown else "sending fails"
        yield _warning(
            use,
            "nullable_variable",
            f"{what} may be null; then {effect} here",
            _cure(use, found.nothing),
        )


def _missing(use: Use, found: Resolved) -> Fault:
    what = path_text(found.missing)
    if found.missing[-1] == ITEM or found.missing[-1] in _OF_LIST:
        said = f"{path_text(found.missing[:-1])} may be empty: sending fails then"
    else:
        said = f"{what} is optional: sending fails for an event without it"
    return _warning(
        use,
        "optional_variable",
        said,
        _cure(use, found.missing),
    )


def _cure(use: Use, steps: Steps) -> str:
    """Return what to write around a value that may not be there."""
    written = use.written
    if use.kind is Kind.OUTPUT and not use.is_list:
        return (
            f"write {{{{ {written} | default: '…' }}}}, or put {{% if {written} %}} "
            "round it"
        )
    guard = written if len(steps) >= len(use.steps) else path_text(steps)
    return f"put {{% if {guard} %}} round it"


def _warning(use: Use, code: str, message: str, advice: str) -> Fault:
    return Fault(use.offset, code, message, advice, use.length, use.path, "warning")


_WORDS = {
    "array": "a list",
    "boolean": "true or false",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a text",
}


def type_words(spot: Spot) -> str:
    """Return the types of a place in words, such as ``a text or a number``."""
    words = [_WORDS[each] for each in sorted(spot.types) if each in _WORDS]
    return " or ".join(word for word in words if word != "null") or "nothing"


def _listed(names: list[str]) -> str:
    shown = names[:8]
    more = ", …" if len(names) > len(shown) else ""
    return ", ".join(shown) + more if shown else "no fields"
