"""Strict JSON: read with the place of every fault, and written as it was read.

Knows nothing of events. Numbers with a fraction come out as `Decimal`, exactly as
written. What JSON leaves open or Python accepts silently is refused: duplicate keys,
NaN, huge numbers, lone surrogates, NUL, trailing data.
"""

from events.strict_json.faults import (
    MAX_ARRAY_LENGTH,
    MAX_DEPTH,
    MAX_KEY_LENGTH,
    MAX_KEYS,
    MAX_SAFE_INTEGER,
    MAX_STRING_LENGTH,
    escape,
    printable,
)
from events.strict_json.reading import Parsed, check, loads, parse
from events.strict_json.writing import canonical, compact, dumps, read

__all__ = [
    "MAX_ARRAY_LENGTH",
    "MAX_DEPTH",
    "MAX_KEYS",
    "MAX_KEY_LENGTH",
    "MAX_SAFE_INTEGER",
    "MAX_STRING_LENGTH",
    "Parsed",
    "canonical",
    "check",
    "compact",
    "dumps",
    "escape",
    "loads",
    "parse",
    "printable",
    "read",
]
