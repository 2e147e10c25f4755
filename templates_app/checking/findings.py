"""What a check found: what is wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from templates_app.rendering import RenderError
from templates_app.rendering.sources import Source

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (an error, which blocks publishing) or doubtful.

    `part`, `line` and `column` are those of RenderError, and so is `path`; `length` is
    how many characters from there it is about. `suggestion` says what to write.
    """

    severity: Severity
    code: str
    message: str
    suggestion: str = ""
    part: str = ""
    line: int | None = None
    column: int | None = None
    length: int | None = None
    path: str = ""
    language: str = ""

    @property
    def is_error(self) -> bool:
        """Whether it blocks publishing."""
        return self.severity == "error"

    @property
    def place(self) -> str:
        """The place in words, such as ``html, line 3, column 14``; may be empty."""
        names = [self.part] if self.part else []
        if self.line is not None:
            names.append(f"line {self.line}")
            if self.column is not None:
                names.append(f"column {self.column}")
        return ", ".join(names)

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        advice = f"; {self.suggestion}" if self.suggestion else ""
        return f"{place}{self.message}{advice}"

    def as_dict(self) -> Mapping[str, Any]:
        """Return the finding as plain data for an editor's marker."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Fault:
    """A finding at an index into a text that may have been put together."""

    offset: int
    code: str
    message: str
    suggestion: str = ""
    length: int | None = None
    path: str = ""
    severity: Severity = "error"

    def found(self, source: Source, *, language: str = "") -> Finding:
        """Return it with the place in what the author wrote."""
        place = source.place(self.offset)
        return Finding(
            severity=self.severity,
            code=self.code,
            message=self.message,
            suggestion=self.suggestion,
            part=place.part,
            line=place.line,
            column=place.column,
            length=self.length,
            path=self.path,
            language=language,
        )


def of_error(error: RenderError, *, language: str = "") -> Finding:
    """Return the finding that a compile or render error is."""
    return Finding(
        severity="error",
        code=error.code,
        message=error.message,
        part=error.part,
        line=error.line,
        column=error.column,
        path=error.path,
        language=language,
    )


def nearest(word: str, candidates: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return the candidate that was probably meant, or nothing."""
    known = list(candidates)
    lowered = {each.lower(): each for each in reversed(known)}
    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=cutoff)
    return lowered[near[0]] if near else ""


def did_you_mean(word: str, candidates: Iterable[str], form: str = "{}") -> str:
    """Return ``did you mean X?`` for a misspelt word, or nothing."""
    near = nearest(word, candidates)
    return f"did you mean {form.format(near)}?" if near else ""
