"""Liquid read as far as it can be read: every mistake of a text, not the first alone.

Each token is tried on its own; a broken one is blanked at the same length, and missing
closing tags are added at the end. What is left parses, with every index as it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from liquid.ast import Node
from liquid.exceptions import LiquidError

from templates_app.checking.findings import Fault, nearest
from templates_app.checking.nesting import BLOCKS, nested
from templates_app.checking.tokens import Token, blanked, scan
from templates_app.rendering.liquid import MAX_SOURCE, ClosedEnvironment
from templates_app.rendering.scanning import MAX_TOKENS

_ENV = ClosedEnvironment(html=False)

_WITHIN = ("else", "elsif", "when")
_TAGS = frozenset(
    {
        *("assign", "break", "capture", "case", "comment", "continue", "cycle", "doc"),
        *("for", "if", "unless", "raw", "#", *_WITHIN),
        *(f"end{name}" for name in BLOCKS),
    }
)
_MADE = re.compile(
    r"\{%-?\s*(?:(?:for\s+(\w+))|\w+\s+(\w+)\s+in\b|(?:assign|capture)\s+(\w+))"
)
_WORDS_OF_ELSE = re.compile(r"\{%-?\s*else\s+(if\b)?([^%]*?[^\s%-])\s*-?%\}")
_RESERVED = re.compile(r"expected an identifier, found (\w+)$")

# What the parser's words mean to an author.
_ADVICE = [
    (re.compile(pattern), advice)
    for pattern, advice in (
        (r"found '='", "compare with == instead of ="),
        (r"primitive expression, found end", "write what is meant"),
        (r"unexpected '&'", "write and instead of &&"),
        (r"unexpected '\|\|'|found dpipe", "write or instead of ||"),
        (r"unexpected [\"']['\"][\"']", "close the quote"),
        (r"ternary", "write {% if … %}…{% else %}…{% endif %}"),
        (r"end of expression, found (string|integer|float)", "write filter: value"),
        (r"end of expression, found word", "write | before a filter"),
        (r"identifier, found end", "write a name after the dot"),
        (r"expected word, found", "name a filter after |, or take | away"),
        (r"missing expression", "write the condition"),
        (r"expected in,", "write {% for item in ctx.items %}"),
        (r"expected '='", "write {% assign name = value %}"),
    )
]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as far as it could be read.

    `nodes` is the tree of `text`, whose indexes are those of what was read; `unknown`
    are names made by tags that could not be read.
    """

    text: str
    nodes: list[Node]
    faults: tuple[Fault, ...] = ()
    unknown: frozenset[str] = frozenset()


@lru_cache(maxsize=512)
def read(text: str) -> Reading:
    """Return what could be read of a text, and all that is wrong with its Liquid.

    Filters are looked up by nobody here, and neither are paths.
    """
    if len(text) > MAX_SOURCE or text.count("{{") + text.count("{%") > MAX_TOKENS:
        return Reading("", [], (Fault(0, "too_long", "this is too long to be read"),))
    tokens = scan(text)
    is_plain = not any(_WORDS_OF_ELSE.match(token.text) for token in tokens)
    if is_plain and not any(token.fault for token in tokens):
        try:
            nodes = _ENV.from_string(text).nodes
        except (LiquidError, RecursionError):
            pass
        else:
            return Reading(text, nodes, tuple(_outside_loops(text, tokens)))
    return _repaired(text, tokens)


def _outside_loops(text: str, tokens: list[Token]) -> list[Fault]:
    """Return faults of tags that parse where they must not stand."""
    if not any(token.name in {"break", "continue"} for token in tokens):
        return []
    return nested(text, tokens, wrong=(), meant={}).faults


def _repaired(text: str, tokens: list[Token]) -> Reading:
    faults: list[Fault] = []
    wrong: set[int] = set()
    meant: dict[int, str] = {}
    unknown: set[str] = set()
    for token in tokens:
        if token.name == "block":
            wrong.add(token.start)
        fault = token.fault or _fault_of(token)
        if fault is None:
            continue
        faults.append(fault)
        wrong.add(token.start)
        made = _MADE.match(token.text)
        if made:
            unknown.add(made[1] or made[2] or made[3])
        if fault.code == "unknown_tag":
            meant[token.start] = nearest(token.name, sorted(_TAGS))
    nesting = nested(text, tokens, wrong=wrong, meant=meant)
    hidden = [(token.start, token.end) for token in nesting.hidden]
    faults = sorted(faults + nesting.faults, key=lambda fault: fault.offset)
    mended = blanked(text, hidden)
    try:
        nodes = _ENV.from_string(mended + nesting.closers).nodes
    except (LiquidError, RecursionError) as error:
        nodes = []
        faults = faults or [_unreadable(text, error)]
    return Reading(mended, nodes, tuple(faults), frozenset(unknown))


def _unreadable(text: str, error: Exception) -> Fault:
    token = getattr(error, "token", None)
    offset = token.start_index if token and token.start_index >= 0 else 0
    message = str(getattr(error, "message", None) or "this is nested too deep")
    return Fault(min(offset, len(text)), "syntax_error", message)


def _fault_of(token: Token) -> Fault | None:
    """Return what is wrong with a token that has an end, with its place."""
    fault = _tried(token.text, token.name)
    return fault and replace(fault, offset=fault.offset + token.start)


@lru_cache(maxsize=2048)
def _tried(text: str, name: str) -> Fault | None:
    """Return what is wrong with one token, wherever it stands."""
    if not text.startswith("{{"):
        if not name:
            return Fault(0, "syntax_error", "this tag has no name", "", len(text))
        if name == "block":
            return None  # it is written out, or complained of, before this
        if name not in _TAGS:
            return _unknown_tag(text, name)
    words = _WORDS_OF_ELSE.match(text)
    if words:
        advice = f"write {{% elsif{words[2]} %}}" if words[1] else "write {% else %}"
        message = "{% else %} takes no condition: it would be ignored"
        return Fault(0, "syntax_error", message, advice, len(text))
    before, after = _surroundings(name)
    try:
        _ENV.from_string(f"{before}{text}{after}")
    except (LiquidError, RecursionError) as error:
        token = getattr(error, "token", None)
        offset = token.start_index if token else len(before)
        # What ends too early has no place: it is the end.
        offset = len(text) - 2 if offset < 0 else offset - len(before)
        message = str(getattr(error, "message", None) or error)
        return _explained(text, message, max(0, min(offset, len(text) - 2)))
    return None


def _surroundings(name: str) -> tuple[str, str]:
    """Return what makes one tag a whole template."""
    if name in BLOCKS:
        return "", f"{{% end{name} %}}"
    if name == "when":
        return "{% case 1 %}", "{% endcase %}"
    if name in {"else", "elsif"}:
        return "{% if 1 %}", "{% endif %}"
    if name.startswith("end"):
        opening = {"for": "for a in b", "case": "case 1", "capture": "capture a"}
        return f"{{% {opening.get(name[3:], name[3:] + ' 1')} %}}", ""
    return "", ""


def _unknown_tag(text: str, name: str) -> Fault:
    near = nearest(name, sorted(_TAGS))
    advice = f"did you mean {{% {near} %}}?" if near else ""
    if name in {"include", "render"}:
        advice = "put a content block in: {% block 'name' %}"
    elif name == "echo":
        advice = "write {{ … }}"
    message = f"there is no tag {{% {name} %}}"
    return Fault(text.find(name), "unknown_tag", message, advice, len(name))


def _explained(text: str, message: str, offset: int) -> Fault:
    reserved = _RESERVED.search(message)
    if reserved and reserved[1] not in {"end", "word"}:
        word = reserved[1]
        advice = f"write ['{word}'] instead of .{word}"
        said = f"“{word}” is a word of Liquid's own"
        return Fault(offset, "syntax_error", said, advice, len(word))
    advice = next((words for found, words in _ADVICE if found.search(message)), "")
    said = message.replace("end of expression", "the end")
    return Fault(offset, "syntax_error", said, advice)
