"""Text that can hardly be read on its background, in light and in dark.

Reads rendered HTML: inline styles, and the rules of its style sheets. Dark is judged
only for a mail with rules of its own for it.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from templates_app.checking.colors import BLACK, WHITE, Color, color_of, hex_of, ratio
from templates_app.checking.stylesheets import (
    Element,
    Rule,
    applied,
    by_weight,
    rules_of,
)
from templates_app.rendering.mjml_names import VOID

_TOKEN = re.compile(
    r"<!--.*?-->|<(?P<raw>style|script|title)\b[^>]*>(?P<inside>.*?)</(?P=raw)\s*>"
    r"|<(?P<slash>/?)(?P<name>[a-zA-Z][\w:-]*)"
    r"""(?P<attributes>(?:[^<>"']++|"[^"]*+"|'[^']*+')*+)>"""
    r"|(?P<text>[^<]+)",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(
    r"""\b(style|class|bgcolor|color|background)\s*=\s*(?:"([^"]*)"|'([^']*)')""",
    re.IGNORECASE,
)
_SEE_THROUGH = frozenset({"transparent", "none", "inherit"})
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide", re.I)
_SIZE = re.compile(r"([\d.]+)\s*(px|pt)?")
_WORDS = re.compile(r"[^\W_]", re.UNICODE)

_MAX_INSIDE = 200
_MAX_DEPTH = 200
_RAW = re.compile(r"<(?:style|script|title)\b|<!--", re.IGNORECASE)
_MAX_RAW = 1_000

MINIMUM = 4.5
MINIMUM_LARGE = 3.0
_LARGE = 24.0
_LARGE_BOLD = 18.66


@dataclass(frozen=True, slots=True)
class Pale:
    """A text whose contrast is too low: its words, colours and their ratio."""

    words: str
    color: str
    background: str
    ratio: float
    is_dark: bool = False


@dataclass(frozen=True, slots=True)
class _Look:
    """How text looks inside an element; None is a background that is not known."""

    color: Color | None = BLACK
    background: Color | None = WHITE
    size: float = 16.0
    is_bold: bool = False
    is_hidden: bool = False


@dataclass(slots=True)
class _Spot:
    """A place in a mail: the elements around it, and how text looks there.

    What is inside is kept: a loop's rows, and a mail as it is typed, hardly differ.
    """

    path: tuple[Element, ...]
    look: _Look
    inside: dict[tuple[Any, ...], _Spot] = field(default_factory=dict)

    def entered(self, name: str, attributes: str, rules: list[Rule]) -> _Spot:
        """Return the place inside an element."""
        looks = _ATTRIBUTE.findall(attributes)
        key = (name, *looks)
        spot = self.inside.get(key)
        if spot is None:
            values = {
                kind.lower(): entities.unescape(double or single)
                for kind, double, single in looks
            }
            classes = frozenset(values.get("class", "").split())
            path = (*self.path, Element(name, classes))
            style = applied(values.get("style", ""), path, rules)
            spot = _Spot(path, _inside(name, values, style, self.look))
            if len(self.inside) >= _MAX_INSIDE:
                self.inside.clear()
            self.inside[key] = spot
        return spot

    @property
    def ratio(self) -> float | None:
        """The contrast of text here if it is too low."""
        look = self.look
        if look.is_hidden or look.color is None or look.background is None:
            return None
        contrast = ratio(look.color, look.background)
        is_large = look.size >= (_LARGE_BOLD if look.is_bold else _LARGE)
        return contrast if contrast < (MINIMUM_LARGE if is_large else MINIMUM) else None


@dataclass(frozen=True, slots=True)
class _Scheme:
    """The rules of a mail in light or dark, and the outermost place."""

    rules: list[Rule]
    outside: _Spot


@lru_cache(maxsize=16)
def _schemes(css: str) -> list[_Scheme]:
    light, dark = rules_of(css)
    schemes = [_Scheme(light, _Spot((), _Look()))]
    if dark:
        schemes.append(_Scheme(by_weight([*light, *dark]), _Spot((), _Look())))
    return schemes


def pale_texts(html: str) -> list[Pale]:
    """Return the texts with too little contrast, one for each pair of colours."""
    if len(_RAW.findall(html)) > _MAX_RAW:
        return []  # no mail has so many, and each may take all the rest to be read
    tokens = list(_TOKEN.finditer(html))
    css = "\n".join(
        each["inside"] for each in tokens if (each["raw"] or "").lower() == "style"
    )
    unique: dict[tuple[str, str, bool], Pale] = {}
    for number, scheme in enumerate(_schemes(css)):
        for pale in _pale(tokens, scheme, is_dark=number > 0):
            unique.setdefault((pale.color, pale.background, pale.is_dark), pale)
    return list(unique.values())


def _pale(
    tokens: list[re.Match[str]], scheme: _Scheme, *, is_dark: bool
) -> Iterator[Pale]:
    spot, opened = scheme.outside, [scheme.outside]
    for token in tokens:
        slash, name, attributes, text = token.group(
            "slash", "name", "attributes", "text"
        )
        if text:
            contrast = None if text.isspace() else spot.ratio
            words = " ".join(entities.unescape(text).split()) if contrast else ""
            if contrast and _WORDS.search(words):
                color, background = spot.look.color, spot.look.background
                assert color is not None  # noqa: S101  # narrows the type
                assert background is not None  # noqa: S101  # narrows the type
                yield Pale(
                    words[:60], hex_of(color), hex_of(background), contrast, is_dark
                )
        elif name and slash:
            opened = _closed(opened, name.lower())
            spot = opened[-1]
        elif name and name.lower() not in VOID and not attributes.endswith("/"):
            if len(opened) < _MAX_DEPTH:
                spot = spot.entered(name.lower(), attributes, scheme.rules)
            opened.append(spot)


def _closed(opened: list[_Spot], name: str) -> list[_Spot]:
    """Return the places that are open after a closing tag."""
    for at in range(len(opened) - 1, max(0, len(opened) - _MAX_DEPTH), -1):
        if opened[at].path[-1].name == name:
            del opened[at:]
            break
    return opened


def _inside(
    name: str, values: Mapping[str, str], style: Mapping[str, str], outer: _Look
) -> _Look:
    """Return how text looks inside an element."""
    color = outer.color
    if style.get("color") not in {None, "inherit"}:
        color = color_of(style["color"])
    elif name == "font" and "color" in values:
        color = color_of(values["color"])
    return _Look(
        color,
        _background(values, style, outer.background),
        _size(style.get("font-size", ""), outer.size),
        _is_bold(name, style.get("font-weight", ""), outer),
        outer.is_hidden or bool(_HIDDEN.search(values.get("style", ""))),
    )


def _background(
    values: Mapping[str, str], style: Mapping[str, str], outer: Color | None
) -> Color | None:
    pictures = style.get("background", "") + style.get("background-image", "")
    if "url(" in pictures or values.get("background"):
        return None
    given = style.get("background-color") or style.get("background") or ""
    given = given or values.get("bgcolor", "")
    if not given or given in _SEE_THROUGH:
        return outer
    return color_of(given.split(" ")[0] if "(" not in given else given)


def _size(text: str, outer: float) -> float:
    match = _SIZE.match(text)
    if match is None or not match[2]:
        return outer
    return float(match[1]) * (4 / 3 if match[2] == "pt" else 1)


def _is_bold(name: str, weight: str, outer: _Look) -> bool:
    if weight:
        return weight in {"bold", "bolder"} or (weight.isdigit() and int(weight) >= 700)
    return outer.is_bold or name in {"b", "strong", "th", "h1", "h2", "h3"}
