"""The one error of rendering: what is wrong, in plain words, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CODES = frozenset(
    {
        "bad_value",
        "empty_subject",
        "invalid_blocks",
        "invalid_content",
        "invalid_json",
        "invalid_mjml",
        "render_limit",
        "syntax_error",
        "too_long",
        "undefined_variable",
        "unknown_block",
        "unknown_filter",
        "unknown_tag",
        "unquoted_value",
        "unsafe_place",
        "unsafe_url",
    }
)


class RenderError(Exception):
    """Content that cannot be compiled, or a message that cannot be rendered.

    `part` names the field of the content (``"subject"``, ``"html"``, ``"text"`` …);
    `line` and `column` count from 1 in what the author wrote; `path` is the variable
    (``"ctx.items[2].price"``). `offset` is the place as an index into the text that
    was parsed, for callers that map it back to another text.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        part: str = "",
        line: int | None = None,
        column: int | None = None,
        path: str = "",
        offset: int | None = None,
    ) -> None:
        if code not in _CODES:
            raise ValueError(f"unknown render error code {code!r}")
        super().__init__(message)
        self.message = message
        self.code = code
        self.part = part
        self.line = line
        self.column = column
        self.path = path
        self.offset = offset

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
        return f"{self.message} ({self.place})" if self.place else self.message

    def as_dict(self) -> Mapping[str, Any]:
        """Return the error as plain data for an API answer or an editor's marker."""
        return {
            "code": self.code,
            "message": self.message,
            "part": self.part,
            "line": self.line,
            "column": self.column,
            "path": self.path,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickling: keyword-only arguments are lost by the default."""
        return _restore, (self.message, self.code, self.__dict__)


def _restore(message: str, code: str, state: dict[str, Any]) -> RenderError:
    error = RenderError(message, code=code)
    error.__dict__.update(state)
    return error


def line_column(source: str, offset: int) -> tuple[int, int]:
    """Return line and column of an index into `source`, both counted from 1."""
    offset = max(0, min(offset, len(source)))
    start = source.rfind("\n", 0, offset) + 1
    return source.count("\n", 0, offset) + 1, offset - start + 1


def error_at(
    source: str,
    offset: int,
    message: str,
    *,
    code: str,
    part: str = "",
    path: str = "",
) -> RenderError:
    """Return a RenderError placed at an index into `source`."""
    line, column = line_column(source, offset)
    return RenderError(
        message,
        code=code,
        part=part,
        line=line,
        column=column,
        path=path,
        offset=offset,
    )
