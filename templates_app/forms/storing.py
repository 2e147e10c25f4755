"""What JSON can say and the database cannot keep."""

from __future__ import annotations

import math
from typing import Any


def unstorable(value: Any) -> str:
    """Return why plain data cannot be stored, in words; empty if it can be."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += [*each, *each.values()]
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, float) and not math.isfinite(each):
            return "it holds a number that is too large"
        elif isinstance(each, str):
            reason = _unstorable_text(each)
            if reason:
                return reason
    return ""


def _unstorable_text(text: str) -> str:
    if "\0" in text:
        return "it holds \\u0000, which no text can"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):04x}"
        return f"it holds {half}, which is half of a character"
    return ""
