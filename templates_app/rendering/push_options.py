"""What a push message asks of one platform: its options, as templates and rendered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from templates_app.rendering.errors import RenderError
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import Template, parse
from templates_app.rendering.program import one_line
from templates_app.rendering.scanning import liquid_tokens
from templates_app.rendering.sources import Source

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_NUMBER = re.compile(r"\d{1,6}")
Read = Callable[[str], Any]


def _text(value: str) -> str:
    return value


def _number(value: str) -> int:
    if not _NUMBER.fullmatch(value):
        raise ValueError("must be a whole number")
    return int(value)


def _color(value: str) -> str:
    if not _COLOR.fullmatch(value):
        raise ValueError("must be a colour such as #0f6d57")
    return value.lower()


def _one_of(*words: str) -> Read:
    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return read


# Names and values: APNs "Generating a remote notification", FCM AndroidNotification.
OPTIONS: Mapping[str, Mapping[str, Read]] = {
    "ios": {
        "subtitle": _text,
        "sound": _text,
        "badge": _number,
        "thread_id": _text,
        "interruption_level": _one_of("passive", "active", "time-sensitive"),
    },
    "android": {
        "channel_id": _text,
        "sound": _text,
        "color": _color,
        "priority": _one_of("normal", "high"),
        "tag": _text,
    },
}


def checked_options(
    options: Mapping[str, Any], sources: Mapping[str, Source]
) -> dict[str, dict[str, str]]:
    """Return the options that are filled, as templates; raise RenderError.

    `sources` hold the assembled text of each as ``options/<platform>/<name>``.
    """
    checked: dict[str, dict[str, str]] = {}
    for platform, values in options.items():
        if platform not in OPTIONS or not isinstance(values, dict):
            message = "options are for ios and android, each a JSON object"
            raise _error(message, part=f"options/{platform}")
        for name, value in values.items():
            part = f"options/{platform}/{name}"
            if name not in OPTIONS[platform]:
                raise _error(f"{platform} has no option {name!r}", part=part)
            template = _template(value, sources.get(part), part=part)
            if template:
                checked.setdefault(platform, {})[name] = template
    return checked


def _template(value: Any, source: Source | None, *, part: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        source = Source.typed(str(value), part=part)
    elif value is not None and not isinstance(value, str):
        raise _error("an option is text or a number", part=part)
    if source is None or not source.text.strip():
        return ""
    try:
        parse(source.text, html=False, part=part)
    except RenderError as error:
        raise source.placed(error) from error
    if next(liquid_tokens(source.text), None) is None:
        _read(source.text, part=part)
    return source.text


def option_templates(
    options: Mapping[str, Mapping[str, str]],
) -> dict[str, dict[str, Template]]:
    """Return compiled options as templates."""
    return {
        platform: {
            name: parse(text, html=False, part=f"options/{platform}/{name}")
            for name, text in values.items()
        }
        for platform, values in options.items()
    }


def rendered_options(
    options: Mapping[str, Mapping[str, Template]],
    variables: Mapping[str, Any],
    formats: Formats,
) -> str:
    """Return the options of one delivery as JSON text; empty when there are none."""
    rendered: dict[str, dict[str, Any]] = {}
    for platform, values in options.items():
        for name, template in values.items():
            value = one_line(template.render(variables, formats))
            if value:
                read = _read(value, part=template.part)
                rendered.setdefault(platform, {})[name] = read
    if not rendered:
        return ""
    return json.dumps(rendered, ensure_ascii=False, separators=(",", ":"))


def _read(value: str, *, part: str) -> Any:
    _, platform, name = part.split("/")
    try:
        return OPTIONS[platform][name](one_line(value))
    except ValueError as error:
        message = f"{name.replace('_', ' ')} {error}, not {value[:40]!r}"
        raise RenderError(message, code="bad_value", part=part) from error


def _error(message: str, *, part: str) -> RenderError:
    return RenderError(message, code="invalid_content", part=part)
