"""How the block tags of a text are nested: what is not closed, or closes nothing.

Says which tags a parser must not see and which closing tags it lacks, so that all the
rest can be read with every index as it was.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from templates_app.checking.findings import Fault
from templates_app.checking.tokens import Token

BLOCKS = frozenset({"if", "unless", "case", "for", "capture"})
_ARMS = {
    "else": frozenset({"if", "unless", "case", "for"}),
    "elsif": frozenset({"if", "unless"}),
    "when": frozenset({"case"}),
}
_TAG = re.compile(
    r"<!--.*?-->|<(?P<slash>/?)(?P<name>[a-zA-Z][\w:-]*)"
    r"""(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>""",
    re.DOTALL,
)
_MAX_PLACES = 20
_VOID = frozenset({"br", "img", "hr", "input", "link", "meta", "col", "wbr"})


@dataclass(slots=True)
class _Open:
    """A block tag that was opened; `is_seen` says whether the parser may see it."""

    token: Token
    name: str
    is_seen: bool
    is_done: bool = False


@dataclass(slots=True)
class Nesting:
    """What came of it: faults, the tokens to be blanked, and what to add at the end."""

    faults: list[Fault] = field(default_factory=list)
    hidden: list[Token] = field(default_factory=list)
    closers: str = ""
    _opened: list[_Open] = field(default_factory=list)

    def _close(self, token: Token, name: str, text: str) -> None:
        """Close the innermost block of a name, and complain of those inside it."""
        waiting = [each for each in self._opened if not each.is_done]
        match = next((each for each in reversed(waiting) if each.name == name), None)
        if match is None:
            self.hidden.append(token)
            advice = f"take it away, or open {{% {name} … %}} before it"
            message = f"{{% {token.name} %}} has no beginning"
            self.faults.append(_fault(token, message, advice))
            return
        inner = waiting[waiting.index(match) + 1 :]
        for each in reversed(inner):
            self._complain(
                each, f"before {{% {token.name} %}} in line {_line(text, token.start)}"
            )
        if not inner and match is self._opened[-1]:
            self._opened.pop()
            if not match.is_seen:
                self.hidden.append(token)
            return
        self.hidden.append(token)
        for each in (match, *inner):
            each.is_done = True

    def _complain(self, each: _Open, place: str) -> None:
        if each.token.fault is not None or not each.is_seen:
            return  # it is wrong itself, and that is said already
        self.faults.append(
            _fault(
                each.token,
                f"{{% {each.name} %}} is never closed: {{% end{each.name} %}} is "
                "missing",
                f"add {{% end{each.name} %}} {place}",
            )
        )

    def _arm(self, token: Token) -> None:
        """Place an else, elsif or when in the innermost block."""
        inner = next(
            (each for each in reversed(self._opened) if not each.is_done), None
        )
        if inner is not None and inner.name in _ARMS[token.name]:
            if inner is not self._opened[-1] or not inner.is_seen:
                self.hidden.append(token)
            return
        self.hidden.append(token)
        wanted = " or ".join(f"{{% {name} %}}" for name in sorted(_ARMS[token.name]))
        message = f"{{% {token.name} %}} stands outside of {wanted}"
        self.faults.append(_fault(token, message, "move it, or take it away"))

    def _finish(self, text: str) -> None:
        for each in self._opened:
            if not each.is_done:
                is_many = len(self.faults) > _MAX_PLACES
                place = "at the end" if is_many else _where(text, each.token)
                self._complain(each, place)
            if each.is_seen:
                self.closers = f"{{% end{each.name} %}}{self.closers}"


def nested(
    text: str, tokens: Iterable[Token], *, wrong: Collection[int], meant: dict[int, str]
) -> Nesting:
    """Return what is wrong with the nesting of a text's tags.

    `wrong` are the starts of tokens that cannot be read: they are hidden, but a block
    tag among them still has its end. `meant` are the names of misspelt tags.
    """
    result = Nesting()
    for token in tokens:
        name = meant.get(token.start, token.name)
        is_seen = token.start not in wrong
        if not is_seen:
            result.hidden.append(token)
        if name in BLOCKS:
            result._opened.append(_Open(token, name, is_seen))
        elif name.startswith("end") and name[3:] in BLOCKS:
            result._close(token, name[3:], text)
        elif name in _ARMS and is_seen:
            result._arm(token)
        elif name in {"break", "continue"} and not _in_loop(result):
            message = f"{{% {name} %}} stands outside of a loop"
            result.faults.append(_fault(token, message, "take it away"))
    result._finish(text)
    return result


def _in_loop(result: Nesting) -> bool:
    return any(each.name == "for" and not each.is_done for each in result._opened)


def _fault(token: Token, message: str, advice: str) -> Fault:
    return Fault(token.start, "syntax_error", message, advice, len(token.text))


def _where(text: str, token: Token) -> str:
    """Return where the end of a block is probably missing.

    That is before the end of the HTML or MJML element that the block stands in.
    """
    depth = 0
    for match in _TAG.finditer(text, token.end):
        name = match["name"]
        if not name or name.lower() in _VOID or match.group().endswith("/>"):
            continue
        depth += -1 if match["slash"] else 1
        if depth < 0:
            return f"before </{name}> in line {_line(text, match.start())}"
    return "at the end"


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
