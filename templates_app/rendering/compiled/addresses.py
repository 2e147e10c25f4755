"""A proof, made once, that a template's addresses are harmless whatever its values say.

`urls.check_urls` reads the whole of each rendered email. Nearly all it reads is the
template itself, which does not change. What it would find in the author's own text is
looked at here, once; what a value could add is named by a few characters, and a value
that holds one of them sends the message through `check_urls` as before. The proof errs
on one side only: it may ask for a check that finds nothing.

A run is what is written one after the other without a condition or loop between.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from templates_app.rendering import urls
from templates_app.rendering.errors import RenderError

# Stand for a value, and for the end of a run, in the text that is looked at.
_VALUE, _SEAM = "\ue000", "\ue001"
_UNKNOWN = (_VALUE, _SEAM)
_NAME = re.compile(r"[\w:.-]")
_JOINED = re.compile(r"[\ue000\ue001](?:\(|l\(|rl\(|\*)")
_BEFORE_SCHEME_END = re.compile(r"[^/?#:]*[/?#:]")
_PLAIN_SCHEMES = frozenset({"http", "https", "mailto", "tel", "sms", "cid"})

# What a value can be dangerous with: a tag, a quote, url(), an escape, a comment.
_MARKS = ("<", ">", '"', "'", "*", "\\")
_OPENING = re.compile(r"url\(|^.{0,2}\(", re.IGNORECASE | re.MULTILINE)
_NAME_END = re.compile(r"=\s*\n")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: `may_equal` says that a ``=`` in it is harmless there."""

    may_equal: bool = False
    begins_address: bool = False


@dataclass(slots=True)
class Proof:
    """What is known of a template; without `holds` each message is checked."""

    holds: bool = True
    places: dict[int, Place] = field(default_factory=dict)


class _NoProofError(Exception):
    """The template is one of those whose messages are checked, each."""


Piece = str | int
"""A text of the author, or the number of a value."""


def proof_of(runs: Iterable[Sequence[Piece]]) -> Proof:
    """Return the proof for the runs of a template."""
    proof = Proof()
    try:
        for run in runs:
            proof.places |= _places(run)
    except _NoProofError:
        proof.holds = False
    return proof


def are_harmless(strict: Sequence[str], lenient: Sequence[str]) -> bool:
    """Return whether values, as written, can have added no address.

    `lenient` are those whose place may hold a ``=``.
    """
    text = "\n".join(strict)
    if "=" in text:
        return False
    text = f"{text}\n" + "\n".join(lenient) + "\n"
    for mark in _MARKS:
        if mark in text:
            return False
    if ("(" in text and _OPENING.search(text)) or not is_encodable(text):
        return False
    return "=" not in text or not _NAME_END.search(text)


def is_encodable(text: str) -> bool:
    """Return whether a text holds no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _places(run: Sequence[Piece]) -> dict[int, Place]:
    """Return the place of each value of a run; raise _NoProofError."""
    texts = [piece for piece in run if isinstance(piece, str)]
    if any(mark in text for text in texts for mark in (*_UNKNOWN, "\u0130", "\\")):
        raise _NoProofError
    text = _SEAM + "".join(p if isinstance(p, str) else _VALUE for p in run) + _SEAM
    lowered = text.lower()
    if "/*" in text or _JOINED.search(lowered) or len(lowered) != len(text):
        raise _NoProofError
    _check_styles(text, lowered)
    beginnings = _checked_attributes(text, lowered)
    numbers = iter(piece for piece in run if not isinstance(piece, str))
    return {
        next(numbers): Place(_may_equal(text, at), at in beginnings)
        for at, letter in enumerate(text)
        if letter == _VALUE
    }


def _may_equal(text: str, at: int) -> bool:
    """Return whether no unquoted name is read as an attribute at a value's place."""
    opening = text.rfind("<", 0, at)
    if opening < 0 or _SEAM in text[opening:at]:
        return False
    before = urls.QUOTED.sub("", text[opening:at])
    return ">" in before or '"' in before or "'" in before


def _check_styles(text: str, lowered: str) -> None:
    start = lowered.find("url(")
    while start >= 0:
        match = urls.URL.match(text, start)
        if match is None or any(mark in match.group() for mark in _UNKNOWN):
            raise _NoProofError
        quoted = match.group(1) is not None or match.group(2) is not None
        value = next(group for group in match.groups() if group is not None)
        if not quoted and value.lstrip()[:1] in {'"', "'"}:
            raise _NoProofError
        _check(value, "url()")
        start = lowered.find("url(", start + 4)


def _checked_attributes(text: str, lowered: str) -> set[int]:
    """Return the places of values with which an address begins."""
    beginnings: set[int] = set()
    at = lowered.find("=")
    while at >= 0:
        end = at
        while lowered[end - 1].isspace():
            end -= 1
        start = end
        while _NAME.match(lowered[start - 1]):
            start -= 1
        if lowered[start - 1] in _UNKNOWN:  # a value could make it another name
            raise _NoProofError
        if lowered[start:end] in urls.ADDRESS_ATTRIBUTES:
            beginnings |= _checked_value(text, at + 1, lowered[start:end])
        at = lowered.find("=", at + 1)
    return beginnings


def _checked_value(text: str, begin: int, name: str) -> set[int]:
    while text[begin].isspace():
        begin += 1
    quote = text[begin]
    if quote in _UNKNOWN:
        raise _NoProofError
    if quote not in {'"', "'"}:
        value = re.split(r"[\s>]", text[begin : begin + 4096], maxsplit=1)[0]
        if any(mark in value for mark in _UNKNOWN):
            raise _NoProofError
        _check(value, name)
        return set()
    end = text.find(quote, begin + 1)
    value = text[begin + 1 : end]
    if end < 0 or _SEAM in value:
        raise _NoProofError
    if _VALUE not in value:
        for each in value.split(",") if name == "srcset" else [value]:
            _check(each, name)
        return set()
    if name == "srcset":
        raise _NoProofError
    if value.startswith(_VALUE):
        return {begin + 1}
    _check_beginning(value.partition(_VALUE)[0])
    return set()


def _check_beginning(beginning: str) -> None:
    """Raise unless an address that begins like this is harmless, however it goes on."""
    if beginning.startswith(("https:", "http:")):
        return
    plain = urls.INVISIBLE.sub("", beginning).lstrip("'\"")
    known = _BEFORE_SCHEME_END.match(plain)
    if "&" in beginning or known is None:
        raise _NoProofError
    scheme = known.group()
    if scheme.endswith(":") and scheme[:-1].lower() not in _PLAIN_SCHEMES:
        raise _NoProofError


def _check(value: str, name: str) -> None:
    try:
        urls.check_address(value, part="html", name=name)
    except RenderError as error:
        raise _NoProofError from error
