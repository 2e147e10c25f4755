"""Templates that come from Adobe: its expressions, rewritten where that is safe.

Only plain paths are: what computes there would have to be translated, and a guess
that is wrong is worse than a tag that stays and is reported.
"""

from __future__ import annotations

import re

from templates_app.rendering.writing import liquid_path

_EXPRESSION = re.compile(r"<%(?P<kind>[=@!-]?)(?P<words>.*?)%>", re.DOTALL)
_PATH = re.compile(
    r"""[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*|\[\d+\]|\[(?:'[^']*'|"[^"]*")\])*"""
)
# What the event is called there, and what of it exists here.
_EVENT = re.compile(r"rtEvent\.ctx\b")
_SHOWN = 80


def rewritten(text: str) -> tuple[str, list[str]]:
    """Return a text with Adobe's plain paths as Liquid, and what stayed as it was.

    ``<%= rtEvent.ctx.a[0].b %>`` becomes ``{{ rtEvent.ctx.a[0].b }}``; anything else
    between ``<%`` and ``%>`` stays and is listed, shortened.
    """
    kept: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        words = match.group("words").strip().rstrip(";").rstrip()
        path = _plain_path(words) if match.group("kind") == "=" else ""
        if path:
            return "{{ " + path + " }}"
        kept.append(_short(match.group()))
        return match.group()

    # Behind the last end none is looked for: each would be, in all the rest.
    end = text.rfind("%>") + 2
    return _EXPRESSION.sub(replaced, text[:end]) + text[end:], kept


def _plain_path(words: str) -> str:
    """Return a path of the event as Liquid; empty when it is anything else."""
    if not _PATH.fullmatch(words) or not _EVENT.match(words):
        return ""
    try:
        return liquid_path(words)
    except ValueError:  # a name that Liquid cannot write
        return ""


def _short(expression: str) -> str:
    words = " ".join(expression.split())
    return words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…"
