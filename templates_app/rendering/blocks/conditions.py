"""What a block is shown if, and what it is repeated for, written as Liquid.

Values are what a marketer typed: data, quoted as such, never Liquid.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from templates_app.rendering.writing import liquid_path, liquid_text, path_steps

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?")
# Compared as a number, whether the event holds it as a number or as text.
_NUMERIC = (
    "{{% if {path} != blank %}}{{% assign {name} = {path} | plus: 0 %}}"
    "{{% if {name} {sign} {value} %}}"
)
NUMBER_NAME = "tx_number"

_END = "{% endif %}"


def is_number(value: str) -> bool:
    """Return whether a typed value is a number."""
    return bool(_NUMBER.fullmatch(value.strip()))


def shown_if(rule: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return what stands before and behind an element shown on a condition."""
    if not rule:
        return "", ""
    path = liquid_path(rule["path"])
    operator, value = rule["op"], str(rule.get("value") or "")
    if operator in _SIGNS:
        opening = _NUMERIC.format(
            path=path, name=NUMBER_NAME, sign=_SIGNS[operator], value=value.strip()
        )
        return opening, _END * 2
    return f"{{% if {_expression(path, operator, value)} %}}", _END


_SIGNS = {"greater": ">", "less": "<"}
_FIXED = {
    "exists": "{path} != blank",
    "missing": "{path} == blank",
    "is_true": "{path} == true",
    "is_false": "{path} != true",
}
_COMPARED = {
    "equals": ("==", "or"),
    "not_equals": ("!=", "and"),
    "contains": ("contains", "or"),
}


def _expression(path: str, operator: str, value: str) -> str:
    if operator in _FIXED:
        return _FIXED[operator].format(path=path)
    sign, joint = _COMPARED[operator]
    return f" {joint} ".join(f"{path} {sign} {each}" for each in _readings(value))


def _readings(value: str) -> list[str]:
    """Return a typed value as the text and, if it looks like one, the other type."""
    readings = [liquid_text(value)]
    if is_number(value) or value.strip() in {"true", "false"}:
        readings.append(value.strip())
    return readings


def repeated(rule: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return what stands before and behind an element repeated for each item.

    A list that is missing is as good as an empty one.
    """
    if not rule:
        return "", ""
    path = liquid_path(rule["path"])
    window = f" limit: {rule.get('max', 20)}"
    if rule.get("first", 1) > 1:
        window += f" offset: {rule['first'] - 1}"
    name = rule.get("as", "item")
    return (
        f"{{% if {path} != blank %}}{{% for {name} in {path}{window} %}}",
        "{% endfor %}{% endif %}",
    )


def is_about(rule: Mapping[str, Any] | None, name: str) -> bool:
    """Return whether a condition asks about the item that a repetition names."""
    return bool(rule) and path_steps((rule or {})["path"])[0] == name
