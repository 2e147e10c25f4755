"""Every fault of a block document, each with the block and field it is in.

Nothing is repaired and nothing is guessed: what is not understood is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from templates_app.rendering.blocks.conditions import is_number
from templates_app.rendering.blocks.kinds import (
    ALIGNMENTS,
    COMPARING,
    KINDS,
    NUMERIC,
    OPERATORS,
    SETTINGS,
    VERSION,
    Field,
    Kind,
)
from templates_app.rendering.blocks.markup import inline_problems
from templates_app.rendering.errors import RenderError
from templates_app.rendering.expanding import Blocks, check_characters, expanded
from templates_app.rendering.liquid import parse
from templates_app.rendering.mjml import compile_mjml
from templates_app.rendering.sources import Piece, Source
from templates_app.rendering.writing import is_variable, liquid_path, liquid_text

Problems = Iterator[RenderError]

MAX_BLOCKS = 300
_ID = re.compile(r"[a-z0-9-]{1,40}")
_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_FONT = re.compile(r"[A-Za-z0-9 ,'-]{1,120}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_TAKEN = frozenset(
    {
        *("ctx", "recipient", "profile", "message", "event", "rtEvent", "now"),
        *("today", "forloop"),
    }
)
_KNOWN = frozenset({"id", "kind", "show_if", "repeat"})


def problems_of_document(
    document: Mapping[str, Any], *, blocks: Blocks | None = None
) -> list[RenderError]:
    """Return every fault of a block document, in reading order; it is good if empty.

    Parts are ``blocks/<id>/<field>`` and ``settings/<name>``; a fault in a text has
    line and column. `blocks` are the content blocks that its texts may call.
    """
    return list(_document(_Seen(blocks), document))


def _fault(message: str, *, part: str) -> RenderError:
    return RenderError(message, code="invalid_blocks", part=part)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the walk over one document knows: content blocks, and ids met so far."""

    blocks: Blocks | None
    ids: set[str] = dataclass_field(default_factory=set)


def _document(seen: _Seen, document: Any) -> Problems:
    if not isinstance(document, Mapping):
        yield _fault("a block document is a JSON object", part="blocks")
        return
    for name in sorted(document.keys() - {"version", "settings", "blocks"}):
        yield _fault(f"a block document has no {name!r}", part="blocks")
    if document.get("version", VERSION) != VERSION:
        message = f"only version {VERSION} of block documents is known"
        yield _fault(message, part="blocks")
    yield from _settings(seen, document.get("settings", {}))
    yield from _list(seen, document.get("blocks", []), "blocks", in_columns=False)
    if not document.get("blocks"):
        yield _fault("there are no blocks yet", part="blocks")
    if len(seen.ids) > MAX_BLOCKS:
        yield _fault(f"there are more than {MAX_BLOCKS} blocks", part="blocks")


def _settings(seen: _Seen, settings: Any) -> Problems:
    if not isinstance(settings, Mapping):
        yield _fault("settings must be a JSON object", part="settings")
        return
    known = {each.name: each for each in SETTINGS}
    for name, value in settings.items():
        if name not in known:
            yield _fault(f"there is no setting {name!r}", part=f"settings/{name}")
        else:
            yield from _field(seen, known[name], value, f"settings/{name}")


def _list(seen: _Seen, given: Any, part: str, *, in_columns: bool) -> Problems:
    if not isinstance(given, list):
        yield _fault("blocks must be a list", part=part)
        return
    for block in given:
        yield from _block(seen, block, part, in_columns=in_columns)


def _block(seen: _Seen, block: Any, part: str, *, in_columns: bool) -> Problems:
    if not isinstance(block, Mapping):
        yield _fault("a block is a JSON object", part=part)
        return
    name = block.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        message = f"a block's id has small letters, digits and -, not {name!r}"
        yield _fault(message, part=part)
        return
    part = f"blocks/{name}"
    if name in seen.ids:
        yield _fault(f"two blocks have the id {name!r}", part=part)
    seen.ids.add(name)
    kind = block.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        yield _fault(f"there is no kind of block {kind!r}", part=f"{part}/kind")
        return
    if in_columns and not KINDS[kind].in_columns:
        label = KINDS[kind].label
        message = f"{label} cannot stand inside of columns"
        yield _fault(message, part=f"{part}/kind")
    yield from _fields(seen, block, KINDS[kind], part)
    yield from _show_if(seen, block.get("show_if"), f"{part}/show_if")
    yield from _repeat(seen, block.get("repeat"), f"{part}/repeat")


def _fields(seen: _Seen, block: Mapping[str, Any], kind: Kind, part: str) -> Problems:
    known = {each.name for each in kind.fields}
    for name in block:
        if name not in known | _KNOWN:
            message = f"{kind.label} has no field {name!r}"
            yield _fault(message, part=f"{part}/{name}")
    for field in kind.fields:
        value = block.get(field.name, field.default)
        yield from _field(seen, field, value, f"{part}/{field.name}")


def _field(seen: _Seen, field: Field, value: Any, part: str) -> Problems:
    check = _PROBLEMS.get(field.type)
    if check is not None:
        yield from check(seen, field, value, part)
        return
    message = _CHECKS[field.type](field, value)
    if message:
        yield _fault(message, part=part)


def _text(seen: _Seen, field: Field, value: Any, part: str) -> Problems:
    if not isinstance(value, str):
        yield _fault(f"{field.label} must be text", part=part)
        return
    is_html = field.type in {"html", "code"}
    found: list[RenderError] = []
    source = expanded(
        Source.typed(value, part=part),
        seen.blocks,
        html=is_html,
        report=found.append,
    )
    yield from found
    unusable: list[RenderError] = []
    check_characters(source, report=unusable.append)
    if unusable:
        yield from unusable
        return
    try:
        parse(source.text, html=is_html, part=part)
    except RenderError as error:
        yield source.placed(error)
        return
    if field.type == "html":
        problems = inline_problems(source.text, part=part)
        yield from (source.placed(each) for each in problems)
    elif field.type == "code":
        yield from _mjml_problems(source)


def _columns(seen: _Seen, field: Field, value: Any, part: str) -> Problems:
    if not isinstance(value, list) or not 2 <= len(value) <= 4:
        yield _fault("there are two to four columns", part=part)
        return
    total = 0
    for column in value:
        if not isinstance(column, Mapping) or column.keys() - {"width", "blocks"}:
            yield _fault("a column has a width and blocks", part=part)
            continue
        width = column.get("width", 100 // len(value))
        if not _is_whole(width) or not 5 <= width <= 95:
            yield _fault("a column is 5 to 95 percent wide", part=part)
        else:
            total += width
        yield from _list(seen, column.get("blocks", []), part, in_columns=True)
    if total > 100:
        yield _fault("the columns are wider than 100 percent together", part=part)


def _links(seen: _Seen, field: Field, value: Any, part: str) -> Problems:
    if not isinstance(value, list):
        yield _fault("links must be a list", part=part)
        return
    for number, link in enumerate(value):
        if not isinstance(link, Mapping) or link.keys() - {"network", "link"}:
            yield _fault("a link has a network and a link", part=part)
            continue
        for each in field.fields:
            own = link.get(each.name, each.default)
            yield from _field(seen, each, own, f"{part}/{number}/{each.name}")


def _show_if(seen: _Seen, rule: Any, part: str) -> Problems:
    if rule is None:
        return
    if not isinstance(rule, Mapping) or rule.keys() - {"path", "op", "value"}:
        yield _fault("a condition has a path, an op and a value", part=part)
        return
    yield from _path_problems(rule.get("path"), part)
    operator, value = rule.get("op"), rule.get("value", "")
    if not isinstance(operator, str) or operator not in OPERATORS:
        message = f"there is no operator {operator!r}: {', '.join(OPERATORS)}"
        yield _fault(message, part=part)
    elif value is not None and not isinstance(value, str):
        yield _fault("the value of a condition is text", part=part)
    elif operator in COMPARING:
        yield from _value_problems(operator, value or "", part)


def _repeat(seen: _Seen, rule: Any, part: str) -> Problems:
    if rule is None:
        return
    known = {"path", "as", "first", "max"}
    if not isinstance(rule, Mapping) or rule.keys() - known:
        yield _fault("a repetition has path, as, first and max", part=part)
        return
    yield from _path_problems(rule.get("path"), part)
    for field in KINDS["products"].fields:
        if field.name in rule and field.name != "path":
            yield from _field(seen, field, rule[field.name], part)


def _mjml_problems(source: Source) -> Problems:
    """Yield the first fault of MJML sections, which are compiled alone to find it."""
    around = (Piece("<mjml><mj-body>", "", ""), Piece("</mj-body></mjml>", "", ""))
    whole = Source((around[0], *source.pieces, around[1]))
    try:
        compile_mjml(whole.text, part="")
    except RenderError as error:
        yield whole.placed(error)


def _path_problems(path: Any, part: str) -> Problems:
    message = _path(None, path)
    if message:
        yield _fault(message, part=part)


def _value_problems(operator: str, value: str, part: str) -> Problems:
    if operator in NUMERIC and not is_number(value):
        yield _fault(f"{value!r} is no number to compare with", part=part)
        return
    if not value:
        yield _fault("the condition has no value to compare with", part=part)
        return
    try:
        liquid_text(value)
    except ValueError as error:
        yield _fault(f"the value of the condition: {error}", part=part)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _path(field: Field | None, value: Any) -> str:
    if not isinstance(value, str) or not value:
        return "choose a value of the event first"
    try:
        liquid_path(value)
    except ValueError as error:
        return str(error)
    return ""


def _number(field: Field, value: Any) -> str:
    if _is_whole(value) and field.least <= value <= field.most:
        return ""
    return f"{field.label} is a whole number from {field.least} to {field.most}"


def _choice(field: Field, value: Any) -> str:
    allowed = [each for each, _ in field.choices]
    if any(value == each and type(value) is type(each) for each in allowed):
        return ""
    return f"{field.label} is one of {', '.join(map(str, allowed))}"


def _color(field: Field, value: Any) -> str:
    is_left_out = value == "" and field.default == ""
    if is_left_out or (isinstance(value, str) and _COLOR.fullmatch(value)):
        return ""
    return f"{field.label}: a colour is written #rrggbb"


def _variable(field: Field, value: Any) -> str:
    if not isinstance(value, str) or not is_variable(value):
        return f"{field.label}: {value!r} cannot be a name here"
    if value in _TAKEN or value.startswith("tx_"):
        return f"{field.label}: {value!r} has a meaning of its own"
    return ""


def _matching(pattern: re.Pattern[str], words: str) -> Callable[[Field, Any], str]:
    def check(field: Field, value: Any) -> str:
        if isinstance(value, str) and (pattern.fullmatch(value) or not value):
            return ""
        return f"{field.label}: {words}"

    return check


_CHECKS: dict[str, Callable[[Field, Any], str]] = {
    "path": _path,
    "number": _number,
    "choice": _choice,
    "color": _color,
    "name": _variable,
    "align": lambda field, value: (
        "" if value in ALIGNMENTS else f"{field.label} is left, center or right"
    ),
    "font": _matching(_FONT, "names of fonts, with commas between them"),
    "language": _matching(_LANGUAGE, "a language is written en or pt-BR"),
}

_PROBLEMS: dict[str, Callable[[_Seen, Field, Any, str], Problems]] = {
    "text": _text,
    "url": _text,
    "html": _text,
    "code": _text,
    "columns": _columns,
    "links": _links,
}
