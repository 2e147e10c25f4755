"""Random templates and contexts, for tests that compare two ways of rendering."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

from templates_app.rendering.liquid import FILTER_NAMES

_TEXTS = [
    *("", " ", "text", "Grüße €", "10", "3.50", "a,b,c", "EUR", "JPY", "true"),
    *("2026-11-23", "2026-11-23T17:30:00Z", "••••", "first", "name", "price"),
    *("<b>&\"'</b>", "javascript:alert(1)", "https://x.example/?a=b&href=c:d"),
    *("url(javascript:x)", "href=data:1", "\ud800", "line\none", "src=", "(large)"),
]
_NUMBERS = [
    *(0, 1, -3, 7, 12, 1999, 10**25, 0.1, 2.5, 7, 12, 1999, 42, 5),
    *(Decimal("19.90"), Decimal("-0.005"), Decimal("1E+3"), Decimal("1234567.891")),
]
_NAMES = ["a", "b", "c", "d", "items", "user", "name", "price", "size", "first", "x y"]
_LITERALS = [
    *('"text"', "'<i>'", '"EUR"', '"name"', '"price"', '"a"', '"2"', '""', '" "'),
    *("0", "1", "2", "-1", "7", "2.50", "true", "false", "nil", "blank", "empty"),
    *("(1..3)", "(ctx.a..ctx.b)", "(3..1)", '"long"', '"%d.%m.%Y"', '"HH:mm"'),
]
_ARGUMENTS = {
    "money": ['"EUR"', '"USD"', '"JPY"', "ctx.c", '"x"'],
    "number": ["", "2", "0", "ctx.a"],
    "date": ["", '"long"', '"short"', '"full"', '"%d.%m.%Y"', '"HH:mm"', "ctx.b"],
    "time": ["", '"short"', '"HH:mm:ss"'],
    "default": ['"there"', "ctx.b", "0", '"x", allow_false: true', "nil"],
    "plural": ['"item", "items"', '"item", "items", few: "some"'],
    "truncate": ["", "5", '5, "…"', "ctx.a"],
    "truncatewords": ["", "2"],
    "slice": ["0", "1, 2", "-2, 2"],
    "join": ["", '", "', '"<br>"'],
    "split": ['","', '" "', '""'],
    "replace": ['"a", "b"', '"e", "<b>"', "ctx.a, ctx.b"],
    "replace_first": ['"a", "b"'],
    "replace_last": ['"a", "b"'],
    "concat": ["ctx.items", "ctx.b"],
    "where": ['"name"', '"price", 7', "ctx.a"],
    "reject": ['"name"', '"price", 7'],
    "find": ['"name", "text"', '"price"'],
    "find_index": ['"name", "text"'],
    "has": ['"name"', '"name", "text"'],
    "map": ['"price"'],
    "sort": ["", '"price"'],
    "sort_natural": ["", '"name"'],
    "uniq": ["", '"price"'],
    "sum": ["", '"price"'],
    "compact": ["", '"name"'],
    "append": ['"x"', '"<b>"', "ctx.a", "1", "2.50"],
    "prepend": ['"x"', '"<b>"', "ctx.a", "1"],
    "remove": ['"a"', "ctx.b"],
    "remove_first": ['"a"', "ctx.b"],
    "remove_last": ['"a"', "ctx.b"],
    "plus": ["1", "2.50", "ctx.a", '"3"'],
    "minus": ["1", "2.50", "ctx.a", '"3"'],
    "times": ["1", "2.50", "ctx.a", '"3"'],
    "divided_by": ["3", "2.50", "ctx.a", "0"],
    "modulo": ["3", "2.50", "ctx.a"],
    "at_least": ["1", "ctx.a"],
    "at_most": ["1", "ctx.a"],
    "round": ["", "1", "ctx.a"],
}
_FILTERS = sorted(FILTER_NAMES)
_FITTING: dict[str, list[str]] = {
    "text": [
        *("append", "capitalize", "downcase", "escape", "lstrip", "prepend", "remove"),
        *("replace", "rich", "size", "slice", "split", "strip", "strip_html"),
        *("truncate", "truncatewords", "upcase", "url_encode", "default", "default"),
        *("newline_to_br", "escape_once", "squish", "strip_newlines", "url_decode"),
    ],
    "number": [
        *("abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus"),
        *("modulo", "plus", "round", "times", "money", "money", "number", "plural"),
    ],
    "list": [
        *("compact", "concat", "find", "first", "has", "join", "last", "map"),
        *("reject", "reverse", "size", "slice", "sort", "sort_natural", "sum"),
        *("uniq", "where"),
    ],
    "date": ["date", "date", "date", "time"],
    "": _FILTERS,
}
_MAKES = {
    **dict.fromkeys(("money", "number", "plural", "date", "time", "join"), "text"),
    **dict.fromkeys(("size", "sum", "find_index"), "number"),
    **dict.fromkeys(("first", "last", "find", "has"), ""),
    "split": "list",
}
_CONTENT = [
    *("<p>", "</p>\n", " ", "\n  ", "word ", "<td>", "</td>", "&amp;", "a = b", "("),
    *('<a href="https://x.example/', '" title="t">', "</a>", "href=", " url(", "*"),
]
_PLACES = [
    '<a href="{}">x</a>',
    '<a href="https://x.example/{}/y?z={}">x</a>',
    '<a href="mailto:{}">x</a>',
    "<td title='{}'>y</td>",
    '<img src="{}" alt="{}">',
    '<td style="color:{}">z</td>',
    '<td style="background:url({})">z</td>',
    "{}({})",
    "<b>{}</b>: {}",
]


def make_value(random: Random, depth: int = 0) -> Any:
    """Return a value as it may stand in an event, odd ones included."""
    kind = random.random()
    if kind < 0.12:
        return random.choice([None, True, False])
    if kind < 0.35:
        return random.choice([*_NUMBERS, 10**70])
    if kind < 0.65 or depth > 2:
        return random.choice(_TEXTS)
    if kind < 0.85:
        return [make_value(random, depth + 1) for _ in range(random.randrange(5))]
    return make_object(random, depth + 1)


def make_object(random: Random, depth: int = 0) -> dict[str, Any]:
    """Return an object of a few of the names that templates use."""
    names = random.sample(_NAMES, random.randrange(2, 9))
    return {name: make_value(random, depth + 1) for name in names}


def make_context(random: Random) -> dict[str, Any]:
    """Return the `ctx` of an event: mostly what templates expect, but not always."""
    made: dict[str, Any] = {
        "a": random.choice(_NUMBERS),
        "b": random.choice(_TEXTS),
        "c": random.choice(["EUR", "USD", "eur", "KWD"]),
        "d": random.choice(["2026-11-23", "2026-11-23T17:30:00Z", "2026-11-23T08:00"]),
        "items": [_make_item(random) for _ in range(random.randrange(5))],
        "user": {**_make_item(random), "items": [_make_item(random)]},
        "name": random.choice(_TEXTS),
        "price": random.choice(_NUMBERS),
        "size": random.choice(_NUMBERS),
        "first": random.choice([True, False, None]),
        "x y": [random.choice(_TEXTS) for _ in range(random.randrange(4))],
    }
    for name in list(made):
        kind = random.random()
        if kind < 0.02:
            del made[name]
        elif kind < 0.04:
            made[name] = make_value(random)
    return made


def _make_item(random: Random) -> dict[str, Any]:
    item = {
        "name": random.choice(_TEXTS),
        "price": random.choice(_NUMBERS),
        "user": make_value(random, 2),
    }
    if random.random() < 0.02:
        del item[random.choice(list(item))]
    return item


class Grammar:
    """Writes templates; what it writes is mostly, not always, right."""

    def __init__(self, random: Random, *, html: bool) -> None:
        self.random = random
        self.html = html
        self.loops: list[str] = []

    def template(self) -> str:
        """Return a template."""
        start = "{% assign v = ctx.name %}{% assign w = 7 %}"
        start = start if self.random.random() < 0.9 else ""
        return start + "".join(
            self._piece(0) for _ in range(self.random.randrange(1, 6))
        )

    def _piece(self, depth: int) -> str:
        kinds = [self._content, self._output, self._output, self._output]
        if self.html:
            kinds += [self._place, self._place]
        if depth < 3:
            kinds += [self._if, self._for, self._for, self._case]
            kinds += [self._assign, self._capture, self._cycle, self._rare]
        kind = self.random.choice(kinds)
        return kind(depth)

    def _body(self, depth: int) -> str:
        return "".join(self._piece(depth + 1) for _ in range(self.random.randrange(4)))

    def _content(self, depth: int) -> str:
        return self.random.choice(_CONTENT if self.html else ["x ", "\n", "  ", "&<"])

    def _output(self, depth: int) -> str:
        left, right = self._dashes()
        return f"{{{{{left} {self._filtered()} {right}}}}}"

    def _place(self, depth: int) -> str:
        place = self.random.choice(_PLACES)
        return place.format(*(self._output(depth) for _ in range(place.count("{}"))))

    def _dashes(self) -> tuple[str, str]:
        return self.random.choice(["", "", "", "-"]), self.random.choice(["", "", "-"])

    def _tag(self, words: str) -> str:
        left, right = self._dashes()
        return f"{{%{left} {words} {right}%}}"

    # --- expressions

    def _path(self, kind: str = "") -> str:
        random = self.random
        kinds = ["text", "text", "text", "number", "number", "number", "list", "loop"]
        kind = kind or random.choice(kinds)
        if random.random() < 0.06:
            root = random.choice([f"ctx.{name}" for name in _NAMES[:-1]] + ["missing"])
            tails = ["", ".size", ".first", ".last.name", "[0]", "[-1]", "[ctx.a]"]
            return root + random.choice([*tails, "[ctx.b]", ".items[0].name"])
        if kind == "loop" and self.loops:
            words = ("index", "index0", "rindex", "first", "last", "length", "name")
            parent = random.choice(["", "", "", "parentloop."])
            return f"forloop.{parent}{random.choice(words)}"
        paths = {
            "text": ["ctx.b", "ctx.name", "ctx.user.name", "ctx.c", "ctx.d", "v", "w"],
            "number": ["ctx.a", "ctx.price", "ctx.user.price", "ctx.items.size"],
            "list": ["ctx.items", 'ctx["x y"]', "ctx.user.items"],
            "date": ["ctx.d", "now", '"now"', "ctx.d"],
        }.get(kind, ["ctx.first", "ctx.user"])
        if self.loops and kind in {"text", "number"} and random.random() < 0.6:
            item = random.choice(self.loops)
            return f"{item}.{'name' if kind == 'text' else 'price'}"
        return random.choice(paths)

    def _primitive(self) -> str:
        if self.random.random() < 0.3:
            return self.random.choice(_LITERALS)
        return self._path()

    def _filtered(self) -> str:
        random = self.random
        if random.random() < 0.5:
            return self._path(random.choice(["text", "text", "number"]))
        kind = random.choice(["text", "text", "number", "number", "list", "date", ""])
        words = self._path(kind) if kind else self._primitive()
        for _ in range(random.choice([1, 1, 2, 3])):
            name = random.choice(_FITTING[kind] if random.random() < 0.9 else _FILTERS)
            arguments = random.choice(_ARGUMENTS.get(name, [""]))
            words += f" | {name}: {arguments}" if arguments else f" | {name}"
            kind = _MAKES.get(name, kind)
        return words

    def _condition(self) -> str:
        random = self.random
        words = []
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            left = self._primitive()
            if random.random() < 0.6:
                sign = random.choice(["==", "!=", "==", "<=", "contains", ">="])
                left = f"{left} {sign} {self._primitive()}"
            elif random.random() < 0.5:
                sign = random.choice(["<", "<=", ">", ">=", "==", "!="])
                other = random.choice(["10", "2.50", "ctx.a", "ctx.items.size"])
                left = f"{self._path('number')} {sign} {other}"
            words += [left, random.choice(["and", "or"])]
        return " ".join(words[:-1])

    # --- tags

    def _if(self, depth: int) -> str:
        name = self.random.choice(["if", "if", "unless"])
        text = self._tag(f"{name} {self._condition()}") + self._body(depth)
        for _ in range(self.random.choice([0, 0, 1, 2])):
            text += self._tag(f"elsif {self._condition()}") + self._body(depth)
        if self.random.random() < 0.5:
            text += self._tag("else") + self._body(depth)
        return text + self._tag(f"end{name}")

    def _for(self, depth: int) -> str:
        random = self.random
        name = random.choice(["i", "j", "item"])
        places = ["ctx.items", "ctx.items", "ctx.items", "ctx.user.items", "(1..3)"]
        places += ["ctx.items"] * 3 + [self._primitive()]
        words = f"for {name} in {random.choice(places)}"
        for option in ("limit: 2", "offset: 1", "offset: continue", "reversed"):
            if random.random() < 0.12:
                words += f" {option}"
        if random.random() < 0.05:
            words += f" limit: {self._primitive()}"
        self.loops.append(name)
        body = self._body(depth)
        if random.random() < 0.2:
            leave = self._tag(random.choice(["break", "continue"]))
            body += f"{self._tag(f'if {self._condition()}')}{leave}{self._tag('endif')}"
            body += self._body(depth)
        self.loops.pop()
        text = self._tag(words) + body
        if random.random() < 0.3:
            text += self._tag("else") + self._body(depth)
        return text + self._tag("endfor")

    def _case(self, depth: int) -> str:
        text = self._tag(f"case {self._primitive()}")
        for _ in range(self.random.randrange(1, 4)):
            if self.random.random() < 0.2:
                text += self._tag("else") + self._body(depth)
            sides = [self._primitive() for _ in range(self.random.choice([1, 1, 2]))]
            sign = self.random.choice([", ", " or "])
            text += self._tag(f"when {sign.join(sides)}") + self._body(depth)
        if self.random.random() < 0.5:
            text += self._tag("else") + self._body(depth)
        return text + self._tag("endcase")

    def _assign(self, depth: int) -> str:
        name = "ctx" if self.random.random() < 0.02 else self.random.choice("vw")
        return self._tag(f"assign {name} = {self._filtered()}")

    def _capture(self, depth: int) -> str:
        name = self.random.choice(["v", "w"])
        return self._tag(f"capture {name}") + self._body(depth) + "{% endcapture %}"

    def _cycle(self, depth: int) -> str:
        words = ", ".join(self._primitive() for _ in range(self.random.randrange(1, 4)))
        group = self.random.choice(["", "", '"g": ', "ctx.a: "])
        return self._tag(f"cycle {group}{words}")

    def _rare(self, depth: int) -> str:
        kinds = [
            self._tag("comment") + self._body(depth) + "{% endcomment %}",
            "{% raw %}{{ x }}{% endraw %}",
            "{% # nothing %}",
        ]
        if self.loops or self.random.random() < 0.1:
            kinds += [self._tag("break"), "{{ forloop.index }}"]
        return self.random.choice(kinds)
