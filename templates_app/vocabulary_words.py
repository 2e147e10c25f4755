"""The words of the picker: what each filter and tag does, each with an example.

Results are rendered by the engine itself, in the language that is asked for.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from templates_app.rendering.context import RenderContext
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import parse

EXAMPLE: dict[str, Any] = {
    "total": Decimal("1259.5"),
    "weight": Decimal("2.4567"),
    "count": 3,
    "name": "ada lovelace",
    "city": "Zürich",
    "note": "Thank you for your order",
    "address": "1 Main Street\nZürich",
    "nickname": "",
    "debt": Decimal("-4.2"),
    "ordered_at": "2026-11-23T17:30:00Z",
    "description": "<p>Soft <b>cotton</b></p><script>x</script>",
    "tags": ["new", "sale", "new"],
    "items": [
        {"name": "Mug", "price": Decimal("9.9")},
        {"name": "Cap", "price": Decimal("15")},
    ],
}
_AT = dt.datetime(2026, 11, 23, 17, 30, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: what it does, to which kind of value, and how it is written.

    `takes` is ``any``, ``string``, ``number``, ``date``, ``array`` or ``rich``; `use`
    is what follows a value, such as ``| money: 'EUR'``, and `on` a value of EXAMPLE.
    """

    name: str
    about: str
    takes: str
    on: str
    use: str


FILTERS = (
    Filter("default", "Say something else when it is missing or empty", "any",
           "ctx.nickname", "| default: 'friend'"),
    Filter("money", "An amount with its currency", "number",
           "ctx.total", "| money: 'EUR'"),
    Filter("number", "A number as the recipient writes it; digits may be given",
           "number", "ctx.weight", "| number: 2"),
    Filter("plural", "The number with the right word", "number",
           "ctx.count", "| plural: 'item', 'items'"),
    Filter("date", "A date: short, medium, long, full, or a pattern", "date",
           "ctx.ordered_at", "| date: 'long'"),
    Filter("time", "A time of day, in the recipient's time zone", "date",
           "ctx.ordered_at", "| time"),
    Filter("capitalize", "First letter large", "string", "ctx.name", "| capitalize"),
    Filter("upcase", "All letters large", "string", "ctx.city", "| upcase"),
    Filter("downcase", "All letters small", "string", "ctx.city", "| downcase"),
    Filter("truncate", "Cut to so many characters", "string",
           "ctx.note", "| truncate: 12"),
    Filter("truncatewords", "Cut to so many words", "string",
           "ctx.note", "| truncatewords: 3"),
    Filter("strip", "Without blanks at both ends", "string", "ctx.name", "| strip"),
    Filter("append", "Something after it", "string", "ctx.city", "| append: '!'"),
    Filter("prepend", "Something before it", "string", "ctx.city", "| prepend: 'in '"),
    Filter("replace", "Each occurrence replaced", "string",
           "ctx.note", "| replace: 'your', 'the'"),
    Filter("remove", "Each occurrence taken out", "string",
           "ctx.note", "| remove: 'Thank you for '"),
    Filter("rich", "A piece of HTML from the event, cleaned; elsewhere its words",
           "rich", "ctx.description", "| rich"),
    Filter("strip_html", "Without HTML tags", "rich",
           "ctx.description", "| strip_html"),
    Filter("newline_to_br", "Line ends kept in HTML", "rich",
           "ctx.address", "| newline_to_br"),
    Filter("url_encode", "For a part of a link", "string",
           "ctx.note", "| url_encode"),
    Filter("split", "A list of what stands between", "string",
           "ctx.note", "| split: ' ' | last"),
    Filter("plus", "Added to", "number", "ctx.count", "| plus: 2"),
    Filter("minus", "Less", "number", "ctx.count", "| minus: 1"),
    Filter("times", "Multiplied", "number", "ctx.count", "| times: 2.5"),
    Filter("divided_by", "Divided", "number", "ctx.total", "| divided_by: 2"),
    Filter("round", "Rounded to so many digits", "number", "ctx.weight", "| round: 1"),
    Filter("at_least", "Not less than", "number", "ctx.count", "| at_least: 5"),
    Filter("at_most", "Not more than", "number", "ctx.count", "| at_most: 2"),
    Filter("size", "How many items or characters", "array", "ctx.items", "| size"),
    Filter("first", "The first item", "array", "ctx.tags", "| first"),
    Filter("last", "The last item", "array", "ctx.tags", "| last"),
    Filter("join", "The items in one line", "array", "ctx.tags", "| join: ', '"),
    Filter("map", "One field of each item", "array",
           "ctx.items", "| map: 'name' | join: ', '"),
    Filter("sort", "In order, by a field", "array",
           "ctx.items", "| sort: 'price' | map: 'name' | join: ', '"),
    Filter("where", "Only the items that match", "array",
           "ctx.items", "| where: 'name', 'Cap' | size"),
    Filter("sum", "The sum, of a field", "array", "ctx.items", "| sum: 'price'"),
    Filter("uniq", "Each item once", "array", "ctx.tags", "| uniq | join: ', '"),
    Filter("find", "The first item that matches", "array",
           "ctx.items", "| find: 'name', 'Cap' | map: 'price'"),
    Filter("find_index", "The place of the first item that matches, from 0", "array",
           "ctx.items", "| find_index: 'name', 'Cap'"),
    Filter("has", "Whether any item matches", "array",
           "ctx.items", "| has: 'name', 'Cap'"),
    Filter("reject", "Only the items that do not match", "array",
           "ctx.items", "| reject: 'name', 'Cap' | map: 'name'"),
    Filter("compact", "Without empty items", "array",
           "ctx.tags", "| compact | size"),
    Filter("concat", "Two lists in one", "array",
           "ctx.tags", "| concat: ctx.tags | size"),
    Filter("sort_natural", "In order, large and small letters alike", "array",
           "ctx.tags", "| sort_natural | join: ', '"),
    Filter("slice", "A part, from a place and so long", "string",
           "ctx.note", "| slice: 0, 5"),
    Filter("squish", "Without double blanks", "string", "ctx.address", "| squish"),
    Filter("lstrip", "Without blanks before it", "string", "ctx.city", "| lstrip"),
    Filter("rstrip", "Without blanks after it", "string", "ctx.city", "| rstrip"),
    Filter("strip_newlines", "Without line ends", "string",
           "ctx.address", "| strip_newlines"),
    Filter("replace_first", "The first occurrence replaced", "string",
           "ctx.note", "| replace_first: 'o', '0'"),
    Filter("replace_last", "The last occurrence replaced", "string",
           "ctx.note", "| replace_last: 'o', '0'"),
    Filter("remove_first", "The first occurrence taken out", "string",
           "ctx.note", "| remove_first: 'o'"),
    Filter("remove_last", "The last occurrence taken out", "string",
           "ctx.note", "| remove_last: 'o'"),
    Filter("url_decode", "Back from a part of a link", "string",
           "ctx.city", "| url_decode"),
    Filter("escape", "Signs of HTML shown as they are; values are by themselves",
           "rich", "ctx.city", "| escape"),
    Filter("escape_once", "As escape, but not what is escaped already", "rich",
           "ctx.city", "| escape_once"),
    Filter("abs", "Without its minus", "number", "ctx.debt", "| abs"),
    Filter("ceil", "Rounded up", "number", "ctx.weight", "| ceil"),
    Filter("floor", "Rounded down", "number", "ctx.weight", "| floor"),
    Filter("modulo", "What a division leaves over", "number",
           "ctx.count", "| modulo: 2"),
    Filter("reverse", "The last first", "array", "ctx.tags", "| reverse | join: ', '"),
)  # fmt: skip

TAGS: tuple[dict[str, str], ...] = (
    {
        "name": "if",
        "label": "Show only if there is …",
        "insert": "{% if ctx.name %}\n\n{% endif %}",
        "about": "What stands inside is shown only if the value is there and not false",
    },
    {
        "name": "if else",
        "label": "Show one or the other",
        "insert": "{% if ctx.name %}\n\n{% else %}\n\n{% endif %}",
        "about": "One text if the value is there, another if not",
    },
    {
        "name": "unless",
        "label": "Show only if there is no …",
        "insert": "{% unless ctx.name %}\n\n{% endunless %}",
        "about": "The opposite of if",
    },
    {
        "name": "case",
        "label": "One text for each value",
        "insert": "{% case ctx.name %}\n{% when 'a' %}\n\n{% else %}\n\n{% endcase %}",
        "about": "Compares one value with several",
    },
    {
        "name": "for",
        "label": "Repeat for each …",
        "insert": "{% for item in ctx.items %}\n{{ item }}\n{% endfor %}",
        "about": "Repeats what stands inside for each item of a list",
    },
    {
        "name": "for else",
        "label": "Repeat for each …, with words for an empty list",
        "insert": "{% for item in ctx.items %}\n{{ item }}\n{% else %}\n\n{% endfor %}",
        "about": "Says something else when the list is empty",
    },
    {
        "name": "assign",
        "label": "Keep a value under a name",
        "insert": "{% assign name = ctx.name %}",
        "about": "For values that are used more than once",
    },
    {
        "name": "capture",
        "label": "Keep a text under a name",
        "insert": "{% capture name %}\n\n{% endcapture %}",
        "about": "Like assign, for whole sentences",
    },
    {
        "name": "comment",
        "label": "A note for colleagues",
        "insert": "{% comment %}\n\n{% endcomment %}",
        "about": "Is never sent",
    },
)
BLOCK_HELP = {
    "name": "block",
    "label": "Content block",
    "insert": "{% block '' %}",
    "about": "A piece of content that many messages share, by its internal name",
}


@lru_cache(maxsize=64)
def filters_in(language: str) -> list[dict[str, str]]:
    """Return the filters with their examples rendered in a language."""
    context = RenderContext(
        ctx=EXAMPLE,
        recipient={"language": language},
        event={},
        message={},
        frozen_at=_AT,
        content_language=language,
    )
    variables, formats = context.variables(), Formats.of(context)
    found = []
    for each in FILTERS:
        example = f"{{{{ {each.on} {each.use} }}}}"
        template = parse(example, html=each.takes == "rich", part="example")
        found.append(
            {
                "name": each.name,
                "about": each.about,
                "takes": each.takes,
                "use": each.use,
                "example": example,
                "result": template.render(variables, formats),
            }
        )
    return found
