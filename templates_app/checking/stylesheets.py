"""The rules of a mail's style sheets that say how text looks, for light and for dark.

Reads what mails use: elements, classes, and one inside another. Rules with anything
else, such as ``:hover``, and those of other media are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_DARK = re.compile(r"@media[^{]*prefers-color-scheme\s*:\s*dark", re.IGNORECASE)
_BLOCK = re.compile(r"@[a-z-]+[^{;]*\{", re.IGNORECASE)
# A selector begins behind a brace: nowhere else is it looked for.
_RULE = re.compile(r"(?<![^{}])([^{}]++)\{([^{}]*+)\}")
_COMPOUND = re.compile(r"(\*|[a-z][a-z0-9]*)?((?:\.[\w-]+)*)$", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_LOOKS = frozenset(
    {
        *("color", "background", "background-color", "background-image"),
        *("font-size", "font-weight"),
    }
)


@dataclass(frozen=True, slots=True)
class Element:
    """An element as selectors see it; of a selector, an empty name is any."""

    name: str
    classes: frozenset[str]

    def is_like(self, other: Element) -> bool:
        """Return whether an element is one that this part of a selector names."""
        return self.name in ("", other.name) and self.classes <= other.classes


@dataclass(frozen=True, slots=True)
class Rule:
    """What elements inside one another look like; `important` wins over their own."""

    path: tuple[Element, ...]
    style: Mapping[str, str]
    important: frozenset[str]

    @property
    def weight(self) -> tuple[int, int]:
        """How specific its selector is."""
        return (
            sum(len(each.classes) for each in self.path),
            sum(bool(each.name) for each in self.path),
        )

    def fits(self, stack: Sequence[Element]) -> bool:
        """Return whether it is about the innermost of the open elements."""
        if not self.path[-1].is_like(stack[-1]):
            return False
        at = len(stack) - 1
        for wanted in reversed(self.path[:-1]):
            at -= 1
            while at >= 0 and not wanted.is_like(stack[at]):
                at -= 1
            if at < 0:
                return False
        return True


def rules_of(css: str) -> tuple[list[Rule], list[Rule]]:
    """Return the rules that always hold and those for dark, the weightiest last."""
    css = _COMMENT.sub("", css)
    always, dark, position = [], [], 0
    for match in _BLOCK.finditer(css):
        if match.start() < position:
            continue
        always.append(css[position : match.start()])
        end = _end(css, match.end())
        if _DARK.match(match.group()):
            dark.append(css[match.end() : end])
        position = end + 1
    always.append(css[position:])
    return by_weight(_rules("".join(always))), by_weight(_rules("".join(dark)))


def by_weight(rules: Sequence[Rule]) -> list[Rule]:
    """Return rules in the order in which they override one another."""
    return sorted(rules, key=lambda rule: rule.weight)


def applied(
    own: str, stack: Sequence[Element], rules: Sequence[Rule]
) -> Mapping[str, str]:
    """Return the style of the innermost element: rules, its own, important rules."""
    fitting = [rule for rule in rules if rule.fits(stack)]
    style: dict[str, str] = {}
    for rule in fitting:
        style |= rule.style
    declared, important = _declarations(own)
    style |= declared
    for rule in fitting:
        if rule.important - important:
            style |= {key: rule.style[key] for key in rule.important - important}
            # One replaces the other, whichever way it is written.
            if "background" in rule.important:
                style["background-color"] = rule.style["background"]
    return style


def _declarations(text: str) -> tuple[dict[str, str], frozenset[str]]:
    style: dict[str, str] = {}
    important: set[str] = set()
    for each in text.split(";"):
        key, colon, value = each.partition(":")
        name, value = key.strip().lower(), value.strip().lower()
        if not colon or name not in _LOOKS:
            continue
        if value.endswith("!important"):
            value = value.removesuffix("!important").strip()
            important.add(name)
        style[name] = value
    return style, frozenset(important)


def _end(css: str, start: int) -> int:
    """Return where a block ends whose inside begins at an index."""
    depth = 1
    for at in range(start, len(css)):
        depth += {"{": 1, "}": -1}.get(css[at], 0)
        if depth == 0:
            return at
    return len(css)


def _rules(css: str) -> list[Rule]:
    rules = []
    for match in _RULE.finditer(css):
        style, important = _declarations(match[2])
        if not style:
            continue
        for selector in match[1].split(","):
            path = _path(selector)
            if path:
                rules.append(Rule(path, style, important))
    return rules


def _path(selector: str) -> tuple[Element, ...]:
    """Return a selector as the elements it names; empty when it cannot be read."""
    found = []
    for word in selector.replace(">", " ").split():
        match = _COMPOUND.match(word)
        if match is None:
            return ()
        name = (match[1] or "").lower().replace("*", "")
        found.append(Element(name, frozenset(match[2].split(".")) - {""}))
    return tuple(found)
