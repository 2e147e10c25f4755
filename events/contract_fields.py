"""A contract as a table of fields, and back.

The table shows what people ask about: path, type, required, example. What it cannot
say (patterns, limits, choices, alternatives) it leaves as it stands in the schema.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from events.inference import nodes_of, types_of
from events.masking import MASK
from events.paths import EACH, BadPath, path_of, steps_of

TYPES = {
    "string": "Text",
    "integer": "Whole number",
    "number": "Number",
    "boolean": "True or false",
    "object": "Object",
    "array<object>": "List of objects",
    "array<string>": "List of texts",
    "array<number>": "List of numbers",
    "array<integer>": "List of whole numbers",
    "array<boolean>": "List of true or false",
    "array": "List",
    "any": "Anything",
    "other": "Its own rules",
}
"""What the table calls each type; `other` is what only the schema can say."""
_COMPOSED = frozenset({"$ref", "anyOf", "oneOf", "allOf", "not", "if", "const"})
_ANNOTATIONS = ("title", "description", "examples", "default", "deprecated")
_MAX_EXAMPLE = 60


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a context; `required` is meant within the object it stands in.

    `is_editable` says whether the table may change its type.
    """

    path: str
    type: str = "string"
    required: bool = False
    nullable: bool = False
    example: str = ""
    description: str = ""
    sensitive: bool = False
    depth: int = 0
    is_editable: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return it as the page reads it."""
        return asdict(self)


class BadRow(ValueError):
    """A row of the table cannot stand in a contract; the text says why."""


def rows_of(
    contract: Mapping[str, Any],
    samples: Iterable[Mapping[str, Any]] = (),
    sensitive_paths: Iterable[str] = (),
) -> list[FieldRow]:
    """Return the fields of a contract, by name, each object before its fields.

    Examples come from the samples, else from the contract; sensitive ones are hidden.
    """
    hidden = {path.strip().removeprefix("ctx.") for path in sensitive_paths}
    known = list(samples)
    rows = []
    for steps, node, required in nodes_of(contract):
        kind = type_of(node)
        rows.append(
            FieldRow(
                path=path_of(steps),
                type=kind,
                required=required,
                nullable="null" in types_of(node),
                example=_example(steps, node, known, hidden),
                description=str(_fact(node, "description") or ""),
                sensitive=not hidden.isdisjoint(
                    (path_of(steps), path_of([*steps, EACH]))
                ),
                depth=sum(step != EACH for step in steps) - 1,
                is_editable=kind != "other",
            )
        )
    return rows


def contract_with(
    rows: Sequence[FieldRow], old: Mapping[str, Any], *, closed: bool | None = None
) -> dict[str, Any]:
    """Return a contract with these fields and no others; raise BadRow.

    What rows cannot say is taken from `old`. An object that no row names is made for
    the fields in it. `closed` says whether objects take fields that are not listed;
    None leaves that as it is.
    """
    own = old.get("additionalProperties") is False
    plan = _Plan(_by_parent(rows), closed, own if closed is None else closed)
    return _object_with(old, (), plan)


def is_closed(contract: Mapping[str, Any]) -> bool | None:
    """Return whether objects take only the fields listed; None when they differ."""
    nodes = [contract, *(node for _, node, _ in nodes_of(contract))]
    inner = [_innermost(node) for node in nodes]
    states = {
        node.get("additionalProperties") is False
        for node in inner
        if isinstance(node, Mapping) and "properties" in node
    }
    if not states:
        return contract.get("additionalProperties") is False
    return states.pop() if len(states) == 1 else None


def rows_from(data: Any) -> list[FieldRow]:
    """Return the rows that the page sent as a JSON list; raise BadRow."""
    if not isinstance(data, list):
        raise BadRow("The fields are not a list.")
    rows = []
    for item in data:
        if not isinstance(item, dict) or not isinstance(item.get("path"), str):
            raise BadRow("A field has no path.")
        kind = item.get("type", "string")
        if kind not in TYPES:
            raise BadRow(f"There is no type “{kind}”.")
        rows.append(
            FieldRow(
                path=item["path"].strip().removeprefix("ctx."),
                type=kind,
                required=item.get("required") is True,
                nullable=item.get("nullable") is True,
                description=str(item.get("description", "")).strip(),
            )
        )
    return rows


def with_table(
    schema: Mapping[str, Any], rows: str, *, closed: str = ""
) -> dict[str, Any]:
    """Return a contract with the table put over it, as the page sends both.

    `rows` is a JSON list, `closed` is “yes”, “no” or empty; raise BadRow.
    """
    try:
        data = json.loads(rows)
    except ValueError:
        raise BadRow("The table of fields could not be read.") from None
    wanted = {"yes": True, "no": False}.get(closed)
    return contract_with(rows_from(data), schema, closed=wanted)


def type_of(node: Any) -> str:
    """Return the type of a field's schema as the table names it."""
    if not isinstance(node, Mapping) or _COMPOSED & node.keys():
        return "other"
    types = [name for name in types_of(node) if name != "null"]
    if not types:
        if "null" in types_of(node):
            return "other"
        return "object" if "properties" in node else "any"
    if len(types) > 1:
        return "other"
    if types != ["array"]:
        return types[0]
    items = node.get("items")
    if items is None or items == {}:
        return "array"
    kind = f"array<{type_of(items)}>"
    return kind if kind in TYPES and "null" not in types_of(items) else "other"


# --- from rows to a schema ---------------------------------------------------------

_Table = dict[tuple[str, ...], dict[str, FieldRow]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The rows by the object they stand in, and whether objects take other fields."""

    table: _Table
    closed: bool | None
    new_closed: bool


def _by_parent(rows: Sequence[FieldRow]) -> _Table:
    """Return rows by the object they stand in, with the objects they imply."""
    table: _Table = {}
    for row in rows:
        try:
            steps = steps_of(row.path)
        except BadPath:
            steps = []
        if not steps or steps[-1] == EACH or steps[0] == EACH:
            raise BadRow(
                f"“{row.path}” is no path; write it like order.number or items[].price."
            )
        here = table.setdefault(tuple(steps[:-1]), {})
        if steps[-1] in here:
            raise BadRow(f"“{row.path}” stands twice.")
        here[steps[-1]] = row
    for parent in list(table):
        _imply(parent, table)
    return table


def _imply(parent: tuple[str, ...], table: _Table) -> None:
    """See that the object at `parent` has a row, and is one that has fields."""
    bare = parent
    while bare and bare[-1] == EACH:
        bare = bare[:-1]
    if not bare:
        return
    fits = "array<object>" if parent != bare else "object"
    siblings = table.setdefault(bare[:-1], {})
    row = siblings.get(bare[-1])
    if row is None:
        siblings[bare[-1]] = FieldRow(path=path_of(bare), type=fits)
        _imply(bare[:-1], table)
    elif row.type not in (fits, "other"):
        wanted = TYPES[fits].lower()
        raise BadRow(f"“{row.path}” has fields, so it must be one {wanted}.")


def _object_with(
    old: Mapping[str, Any], at: tuple[str, ...], plan: _Plan
) -> dict[str, Any]:
    found = {key: copy.deepcopy(each) for key, each in old.items()}
    before = found.pop("properties", {})
    demanded = found.pop("required", [])
    rows = plan.table.get(at, {})
    if rows or before:
        found["properties"] = {
            name: _field_with(row, before.get(name), (*at, name), plan)
            for name, row in rows.items()
        }
    # The order of a person stays, so that nothing seems changed that is not.
    asked = {name for name, row in rows.items() if row.required}
    unlisted = {name for name in demanded if name not in before and name not in rows}
    required = [name for name in demanded if name in asked | unlisted]
    required += [name for name in rows if name in asked and name not in demanded]
    if required:
        found["required"] = required
    closed = plan.new_closed if plan.closed is None and not before else plan.closed
    if closed and "properties" in found:
        found["additionalProperties"] = False
    elif closed is False and found.get("additionalProperties") is False:
        del found["additionalProperties"]
    return found


def _field_with(row: FieldRow, old: Any, at: tuple[str, ...], plan: _Plan) -> Any:
    if isinstance(old, bool):
        if row.type == "other":
            return old
        old = None
    node = _typed(row, old)
    if row.description:
        node["description"] = row.description
    else:
        node.pop("description", None)
    if plan.table.get(at) or "properties" in node:
        node = _object_with(node, at, plan)
    inside, items = (*at, EACH), node.get("items")
    if isinstance(items, dict) and (plan.table.get(inside) or "properties" in items):
        node["items"] = _object_with(items, inside, plan)
    return node


def _typed(row: FieldRow, old: dict[str, Any] | None) -> dict[str, Any]:
    """Return a field's schema with the row's type; the old one's if that is it."""
    if row.type == "other":
        return copy.deepcopy(old or {})
    if old is not None and type_of(old) == row.type:
        node = copy.deepcopy(old)
    else:
        node = {key: old[key] for key in _ANNOTATIONS if old and key in old}
        node = {**_blank(row.type), **node}
    types = [name for name in types_of(node) if name != "null"]
    if types and row.nullable != ("null" in types_of(node)):
        node["type"] = [*types, "null"] if row.nullable else types[0]
    return node


def _blank(kind: str) -> dict[str, Any]:
    if kind == "any":
        return {}
    if kind.startswith("array<"):
        return {"type": "array", "items": _blank(kind[6:-1])}
    return {"type": kind}


def _innermost(node: Any) -> Any:
    while isinstance(node, Mapping) and isinstance(node.get("items"), Mapping):
        node = node["items"]
    return node


# --- examples ----------------------------------------------------------------------


def _fact(node: Any, name: str) -> Any:
    return node.get(name) if isinstance(node, Mapping) else None


def _example(
    steps: Sequence[str],
    node: Any,
    samples: Sequence[Mapping[str, Any]],
    hidden: set[str],
) -> str:
    values = [found for sample in samples for found in _values(sample, steps)]
    values = [value for value in values if value is not None] or values
    if not values:
        given = _fact(node, "examples")
        values = list(given) if isinstance(given, list) else []
    if not values:
        return ""
    ways = [path_of(steps[:end]) for end in range(1, len(steps) + 1)]
    if not hidden.isdisjoint([*ways, *(f"{way}{EACH}" for way in ways)]):
        return MASK
    return _shown(values[0])


def _values(value: Any, steps: Sequence[str]) -> list[Any]:
    if not steps:
        return [value]
    step, rest = steps[0], steps[1:]
    if step == EACH:
        items = value if isinstance(value, list) else []
        return [found for item in items for found in _values(item, rest)]
    if isinstance(value, Mapping) and step in value:
        return _values(value[step], rest)
    return []


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ""
    if isinstance(value, list):
        if any(isinstance(item, Mapping | list) for item in value):
            return f"{len(value)} item{'' if len(value) == 1 else 's'}"
        text = ", ".join(_shown(item) for item in value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _MAX_EXAMPLE else f"{text[: _MAX_EXAMPLE - 1]}…"
