"""What schemathesis must not send: data that only the schema calls valid, but a 400.

A contract stands in the document as it is, and says nothing of what no body may hold:
keys that are empty or too long, numbers that a double only just holds.
"""

from __future__ import annotations

from typing import Any

import schemathesis

_SMALLEST, _LONGEST = 1e-300, 128


@schemathesis.hook
def filter_body(_context: Any, body: Any) -> bool:
    """Say whether a body may be sent."""
    return not _is_beyond(body)


def _is_beyond(value: Any) -> bool:
    if isinstance(value, dict):
        keys = [str(key) for key in value]
        return any(not 1 <= len(key) <= _LONGEST for key in keys) or any(
            _is_beyond(each) for each in value.values()
        )
    if isinstance(value, list):
        return any(_is_beyond(each) for each in value)
    return isinstance(value, float) and 0 < abs(value) < _SMALLEST
