"""Every kind of block and its fields: the one table of types, defaults and words.

Checking, compiling and the visual editor (through `describe`) all read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

VERSION = 1
MAX_ITEMS = 200

ALIGNMENTS = ("left", "center", "right")
OPERATORS: Mapping[str, str] = MappingProxyType(
    {
        "exists": "is there and not empty",
        "missing": "is missing or empty",
        "is_true": "is true",
        "is_false": "is false or missing",
        "equals": "is",
        "not_equals": "is not",
        "contains": "contains",
        "greater": "is greater than",
        "less": "is less than",
    }
)
# The operators that compare with a value.
COMPARING = frozenset({"equals", "not_equals", "contains", "greater", "less"})
NUMERIC = frozenset({"greater", "less"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a block.

    `type` is ``text`` (one or more lines with Liquid), ``html`` (the same with inline
    HTML), ``url`` (Liquid allowed), ``code`` (MJML), ``color`` (``#rrggbb`` or empty),
    ``number`` (whole, within `least` and `most`), ``choice``, ``path``, ``name`` (of a
    loop's variable), ``columns`` or ``links``.
    """

    name: str
    type: str
    default: Any
    label: str
    help: str = ""
    choices: tuple[tuple[Any, str], ...] = ()
    least: int = 0
    most: int = 0
    unit: str = ""
    fields: tuple[Field, ...] = ()

    def described(self) -> dict[str, Any]:
        """Return the field as plain data for an editor."""
        facts: dict[str, Any] = {
            "name": self.name,
            "type": _SHOWN_AS.get(self.type, self.type),
            "default": self.default,
            "label": self.label,
            "help": self.help,
        }
        if self.choices:
            facts["choices"] = [
                {"value": value, "label": label} for value, label in self.choices
            ]
        if self.most:
            facts |= {"min": self.least, "max": self.most, "unit": self.unit}
        if self.fields:
            facts["fields"] = [each.described() for each in self.fields]
        return facts


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of block; `in_columns` says whether it may stand inside of columns."""

    name: str
    label: str
    help: str
    fields: tuple[Field, ...]
    in_columns: bool = True

    def default(self, name: str) -> Any:
        """Return what a missing field means."""
        return next(each.default for each in self.fields if each.name == name)


_SHOWN_AS = {
    "columns": "list",
    "links": "list",
    "name": "text",
    "language": "text",
    "font": "choice",
}


def _align(default: str = "left") -> Field:
    choices = tuple((each, each.capitalize()) for each in ALIGNMENTS)
    return Field("align", "align", default, "Alignment", choices=choices)


def _color(name: str, label: str, words: str) -> Field:
    return Field(name, "color", "", label, words)


def _pixels(name: str, default: int, label: str, most: int, least: int = 0) -> Field:
    return Field(name, "number", default, label, least=least, most=most, unit="px")


_PRODUCTS = (
    Field("path", "path", "", "List of items", "The list that comes with the event."),
    Field("as", "name", "item", "Name of one item", "As in {{ item.name }}."),
    Field("first", "number", 1, "Start with item", "1 is the first.", (), 1, MAX_ITEMS),
    Field("max", "number", 20, "Show at most", "", (), 1, MAX_ITEMS),
    Field(
        "layout",
        "choice",
        "row",
        "Layout",
        "Tiles stand two in a row on a phone.",
        (("row", "Rows"), ("2", "2 across"), ("3", "3 across"), ("4", "4 across")),
    ),
    Field("image", "url", "", "Image", "Left out for items without one."),
    Field("title", "text", "", "Title"),
    Field("description", "text", "", "Description", "Left out for items without one."),
    Field("price", "text", "", "Price"),
    Field("link", "url", "", "Link", "Left out for items without one."),
    Field("link_text", "text", "", "Words of the link", "Empty: the title is linked."),
    Field("empty", "text", "", "When the list is empty", "Empty: nothing is shown."),
)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind(
                "heading",
                "Heading",
                "A title, or the name of a section.",
                (
                    Field("text", "text", "", "Text"),
                    Field(
                        "level",
                        "choice",
                        1,
                        "Size",
                        "",
                        ((1, "Large"), (2, "Medium"), (3, "Small")),
                    ),
                    _align(),
                    _color("color", "Colour", "Empty: the text's colour."),
                ),
            ),
            Kind(
                "text",
                "Text",
                "Paragraphs, links and lists.",
                (
                    Field(
                        "text",
                        "html",
                        "",
                        "Text",
                        "May hold <b> <i> <u> <a> <p> <br> <ul> <ol> <li> <span>; "
                        "without paragraphs, a line end is a line break.",
                    ),
                    _align(),
                ),
            ),
            Kind(
                "image",
                "Image",
                "A picture, with or without a link.",
                (
                    Field("src", "url", "", "Image address"),
                    Field(
                        "alt",
                        "text",
                        "",
                        "Description",
                        "Read aloud, and shown while images are off. Empty only for "
                        "decoration.",
                    ),
                    Field("link", "url", "", "Link"),
                    Field(
                        "width",
                        "number",
                        0,
                        "Width",
                        "0 fills the whole width.",
                        most=1200,
                        unit="px",
                    ),
                    _align("center"),
                ),
            ),
            Kind(
                "button",
                "Button",
                "One clear thing to do.",
                (
                    Field("text", "text", "", "Text"),
                    Field("link", "url", "", "Link"),
                    _align("center"),
                    _color("background", "Background", "Empty: the links' colour."),
                    _color("color", "Text colour", "Empty: what reads best."),
                    _pixels("radius", 6, "Rounding of the corners", 40),
                ),
            ),
            Kind(
                "columns",
                "Columns",
                "Two to four side by side; one below the other on a phone.",
                (Field("columns", "columns", [], "Columns"),),
                in_columns=False,
            ),
            Kind(
                "products",
                "Product list",
                "One row or tile for each item of a list.",
                _PRODUCTS,
                in_columns=False,
            ),
            Kind(
                "divider",
                "Divider",
                "A thin line.",
                (
                    _color("color", "Colour", "Empty: a light grey."),
                    _pixels("thickness", 1, "Thickness", 20, least=1),
                ),
            ),
            Kind(
                "spacer",
                "Space",
                "Room between two blocks.",
                (_pixels("height", 24, "Height", 200, least=1),),
            ),
            Kind(
                "social",
                "Social links",
                "Where else to find you: words, so nothing is loaded from there.",
                (
                    Field(
                        "links",
                        "links",
                        [],
                        "Links",
                        fields=(
                            Field("network", "text", "", "Network"),
                            Field("link", "url", "", "Link"),
                        ),
                    ),
                    _align("center"),
                ),
            ),
            Kind(
                "footer",
                "Footer",
                "Who sends this, and why; below the content, in small type.",
                (Field("text", "html", "", "Text"), _align("center")),
                in_columns=False,
            ),
            Kind(
                "raw",
                "MJML",
                "Sections of your own, in code.",
                (Field("source", "code", "", "MJML sections"),),
                in_columns=False,
            ),
        )
    }
)

_FONTS = (
    ("Arial, Helvetica, sans-serif", "Arial"),
    ("Verdana, Geneva, sans-serif", "Verdana"),
    ("Tahoma, Geneva, sans-serif", "Tahoma"),
    ("'Trebuchet MS', Helvetica, sans-serif", "Trebuchet"),
    ("Georgia, 'Times New Roman', serif", "Georgia"),
    ("'Times New Roman', Times, serif", "Times"),
    ("'Courier New', Courier, monospace", "Courier"),
)

SETTINGS: tuple[Field, ...] = (
    Field(
        "width",
        "number",
        600,
        "Width",
        "600 fits every mail program.",
        least=320,
        most=900,
        unit="px",
    ),
    Field("font_family", "font", _FONTS[0][0], "Font", choices=_FONTS),
    Field("font_size", "number", 16, "Size of text", "", (), 10, 30, "px"),
    Field("text_color", "color", "#1f2937", "Text"),
    Field("link_color", "color", "#0f6d57", "Links and buttons"),
    Field("content_background", "color", "#ffffff", "Content background"),
    Field("background", "color", "#f4f4f5", "Page background"),
    Field(
        "language",
        "language",
        "",
        "Language",
        "Such as en or pt-BR: tells screen readers how to speak. Empty: not said.",
    ),
)
DEFAULT_SETTINGS: Mapping[str, Any] = MappingProxyType(
    {each.name: each.default for each in SETTINGS}
)


def describe() -> dict[str, Any]:
    """Return all kinds, settings and operators as plain data for an editor.

    ``{"version", "kinds": [{"kind", "label", "help", "in_columns", "fields": […]}],
    "settings": [field], "operators": [{"value", "label", "needs_value"}], "repeat":
    {"first", "max", "default_max"}}``; a field is ``{"name", "type", "default",
    "label", "help"}``, with ``choices: [{"value", "label"}]``, ``min``, ``max``,
    ``unit`` and ``fields`` where they mean something.
    """
    return {
        "version": VERSION,
        "kinds": [
            {
                "kind": kind.name,
                "label": kind.label,
                "help": kind.help,
                "in_columns": kind.in_columns,
                "fields": [each.described() for each in kind.fields],
            }
            for kind in KINDS.values()
        ],
        "settings": [each.described() for each in SETTINGS],
        "operators": [
            {"value": name, "label": label, "needs_value": name in COMPARING}
            for name, label in OPERATORS.items()
        ],
        "repeat": {"first": 1, "max": MAX_ITEMS, "default_max": 20},
    }
