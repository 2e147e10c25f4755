"""Filters of a template: known, with the right arguments, on values they can use."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import lru_cache

from templates_app.checking.contracts import Known, Spot
from templates_app.checking.findings import Fault, nearest
from templates_app.checking.variables import Vocabulary, resolve, type_words
from templates_app.rendering import filters
from templates_app.rendering.liquid import FILTER_NAMES, ClosedEnvironment
from templates_app.rendering.paths import ITEM, Applied, Kind, Use, Value, path_text

_FILTERS = filters.build(ClosedEnvironment(html=True))
_OTHER_NAMES = {
    "count": "size",
    "currency": "money",
    "format_date": "date",
    "html": "rich",
    "length": "size",
    "lower": "downcase",
    "lowercase": "downcase",
    "pluralize": "plural",
    "raw": "rich",
    "safe": "rich",
    "trim": "strip",
    "upper": "upcase",
    "uppercase": "upcase",
}
_OF_NUMBERS = frozenset(
    {
        *("money", "number", "plural", "round", "ceil", "floor", "abs", "plus"),
        *("minus", "times", "divided_by", "modulo", "at_least", "at_most"),
    }
)
_OF_TIMES = frozenset({"date", "time"})
_OF_LISTS = frozenset(
    {
        *("join", "map", "where", "reject", "sort", "sort_natural", "uniq", "compact"),
        *("sum", "concat", "first", "last", "find", "find_index", "has", "reverse"),
    }
)
# A text in which a number may stand: a sample can tell.
TEXT_AS_NUMBER = "text_as_number"
_OF_ANYTHING = frozenset({"default", "size", "slice"})
_WORDS = {
    "array": "a list",
    "boolean": "true or false",
    "number": "a number",
    "object": "an object",
    "string": "a text",
}


def filter_faults(each: Applied, vocabulary: Vocabulary) -> Iterator[Fault]:
    """Yield what is wrong or doubtful with one filter."""
    if each.name not in FILTER_NAMES:
        yield _unknown(each)
        return
    wrong = _arguments(each.name, each.arguments, each.named)
    if wrong:
        yield _fault(each, "filter_arguments", wrong, f"write | {_usage(each.name)}")
    yield from _subject(each, vocabulary)


def output_faults(use: Use, vocabulary: Vocabulary) -> Iterator[Fault]:
    """Yield what is wrong with writing, or looping over, the value of a path."""
    if use.kind is Kind.LOOP:
        yield from _loop(use, vocabulary)
        return
    if use.kind is not Kind.OUTPUT:
        return
    value = use.result
    types, spot = _types(value, vocabulary)
    if types == {"object"}:
        message = f"{_named(value)} is an object and cannot be shown"
        names = spot.names() if spot else []
        advice = f"name one of its fields: {', '.join(names[:6])}" if names else ""
        yield _at(use, "wrong_type", message, advice)
    elif types == {"array"}:
        inner, _ = _types(value.item(), vocabulary)
        if "object" in inner:
            message = f"{_named(value)} is a list of objects and cannot be shown"
            advice = "go through it: {% for item in " + use.written + " %}"
            yield _at(use, "wrong_type", message, advice)
        else:
            message = f"{_named(value)} is a list; its items are shown without blanks"
            advice = f"write {{{{ {use.written} | join: ', ' }}}}"
            yield _at(use, "wrong_type", message, advice, is_error=False)


def _loop(use: Use, vocabulary: Vocabulary) -> Iterator[Fault]:
    value = Value(use.steps, is_list=use.is_list)
    types, spot = _types(value, vocabulary)
    if not types or "array" in types:
        return
    words = type_words(spot) if spot else "no list"
    if "object" in types:
        message = f"{use.path} is {words}; the loop goes through its fields"
        yield _at(use, "wrong_type", message, "loop over a list", is_error=False)
    else:
        message = f"{use.path} is {words}; a loop needs a list"
        yield _at(use, "wrong_type", message, "loop over a list")


def _types(value: Value, vocabulary: Vocabulary) -> tuple[frozenset[str], Spot | None]:
    """Return the JSON types that a value may have, null apart; empty means any."""
    if value.type:
        return frozenset({value.type}), None
    if value.is_list:
        return frozenset({"array"}), None
    if not value.steps:
        return frozenset(), None
    found = resolve(value.steps, vocabulary, present=frozenset())
    if found.known is not Known.NAMED or found.spot is None:
        return frozenset(), None
    return found.spot.types - {"null"}, found.spot


def _named(value: Value) -> str:
    if not value.steps:
        return "this"
    path = path_text(value.steps)
    return f"the list of all {path}" if value.is_list else path


def _unknown(each: Applied) -> Fault:
    near = _OTHER_NAMES.get(each.name) or nearest(each.name, sorted(FILTER_NAMES))
    advice = f"did you mean | {near}?" if near else ""
    return _fault(
        each, "unknown_filter", f"there is no filter named {each.name!r}", advice
    )


def _subject(each: Applied, vocabulary: Vocabulary) -> Iterator[Fault]:
    """Yield what speaks against the value that a filter is applied to."""
    types, spot = _types(each.subject, vocabulary)
    if not types or each.name in _OF_ANYTHING:
        return
    wanted, good, fair = _wanted(each.name)
    if types & good or (types & fair == {"string"} and _has_pattern(spot)):
        return
    name = _named(each.subject)
    given = " or ".join(_WORDS[one] for one in sorted(types) if one in _WORDS)
    advice = ""
    if types & fair:
        message = (
            f"{name} is {given}; {each.name} works only while it looks like {wanted}"
        )
        if "array" in types:
            message = f"{name} is a list; its items are put together without blanks"
            advice = "write | join: ', ' before it"
        code = TEXT_AS_NUMBER if "string" in types else "wrong_type"
        yield _fault(each, code, message, advice, is_error=False)
        return
    message = f"{each.name} needs {wanted}, and {name} is {given}"
    if "array" in types and each.subject.steps and not each.subject.is_list:
        advice = f"use one item, such as {path_text(each.subject.steps)}"
        advice = advice.removesuffix(ITEM) + ".first"
    yield _fault(each, "wrong_type", message, advice)


def _has_pattern(spot: Spot | None) -> bool:
    """Return whether the contract says what the texts look like."""
    return spot is not None and any("pattern" in each for each in spot.alternatives)


def _wanted(name: str) -> tuple[str, frozenset[str], frozenset[str]]:
    """Return what a filter needs in words, its types, and those that may do."""
    if name in _OF_NUMBERS:
        return "a number", frozenset({"number"}), frozenset({"string"})
    if name in _OF_TIMES:
        return "a date such as 2026-11-23", frozenset({"string"}), frozenset()
    if name in _OF_LISTS:
        return "a list", frozenset({"array"}), frozenset()
    return "a text", frozenset({"string", "number", "boolean"}), frozenset({"array"})


@lru_cache(maxsize=1024)
def _arguments(name: str, count: int, named: tuple[str, ...]) -> str:
    """Return what is wrong with a filter's arguments, in words; empty if nothing."""
    function = _FILTERS[name]
    formats = getattr(function, "needs_formats", False)
    positional = [None] * (1 + formats + count)
    try:
        inspect.signature(function).bind(*positional, **dict.fromkeys(named))
    except TypeError:
        most, least = _counts(name)
        wanted = str(least) if least == most else f"{least} to {most}"
        noun = "argument" if wanted == "1" else "arguments"
        wrong = sorted(set(named) - set(_parameters(name)))
        if wrong:
            return f"{name} has no argument named {wrong[0]}"
        return f"{name} takes {wanted if most else 'no'} {noun}, not {count}"
    return ""


def _parameters(name: str) -> dict[str, inspect.Parameter]:
    """Return what a filter takes besides its value, by name."""
    function = _FILTERS[name]
    skipped = 1 + getattr(function, "needs_formats", False)
    parameters = list(inspect.signature(function).parameters.items())[skipped:]
    return {
        key: each
        for key, each in parameters
        if key not in {"environment", "context"}
        and each.kind is not inspect.Parameter.VAR_KEYWORD
    }


def _counts(name: str) -> tuple[int, int]:
    """Return the most and the least positional arguments that a filter takes."""
    parameters = [
        each
        for each in _parameters(name).values()
        if each.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    least = sum(each.default is inspect.Parameter.empty for each in parameters)
    return len(parameters), least


def _usage(name: str) -> str:
    """Return how a filter is written: ``money: currency``."""
    names = list(_parameters(name))
    return f"{name}: {', '.join(names)}" if names else name


def _fault(
    each: Applied, code: str, message: str, advice: str, *, is_error: bool = True
) -> Fault:
    return Fault(
        each.offset,
        code,
        message,
        advice,
        len(each.name),
        path_text(each.subject.steps),
        "error" if is_error else "warning",
    )


def _at(
    use: Use, code: str, message: str, advice: str, *, is_error: bool = True
) -> Fault:
    return Fault(
        use.offset,
        code,
        message,
        advice,
        use.length,
        use.path,
        "error" if is_error else "warning",
    )
