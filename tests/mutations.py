"""Bad bodies by the thousand, the same ones for the same seed.

Some are JSON of another shape, some are no JSON any more. Most stay near to a body that
is taken in, since that is where a check can be missing.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

# What parsers, databases and templates are known to stumble over.
VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**53 + 1, -(2**63), 2**64, 10**39),
    *(0.1, -0.0, 1e308, 5e-324, [], {}, [[]], [None], {"": 1}, {"a": {}}),
    *(
        "",
        " ",
        "\x00",
        "\u0000a",
        "\ud800",
        "\udfff\ud800",
        "\ufeff",
        "\u2028",
        "\u202e",
    ),
    *("a\r\nBcc: b@c.test", "a\nb", "\x1b[31m", "é" * 300, "😀" * 100, "a" * 70_000),
    *("NaN", "null", "true", "1e999", "-", "%s%s%n", "{{ 7*7 }}", "{% raw %}", "${x}"),
    *(
        "' OR 1=1 --",
        "'; DROP TABLE events_event; --",
        "\\",
        "\\u0000",
        '"',
        "<script>",
    ),
    *("../../etc/passwd", "a@b", "a@[127.0.0.1]", "@", "a@" + "b." * 100 + "c", "+1"),
    *("+33612345678", "+" + "9" * 30, "ada@example.com", "fcm", "apns", "email", "sms"),
    *("2026-11-23T10:15:00Z", "9999-12-31T23:59:59-14:00", "0000-00-00T00:00:00Z"),
    *("2099-02-30T00:00:00Z", "1970-01-01T00:00:00+24:00", "Europe/Paris", "xx-YY"),
    *({"__class__": {"__mro__": []}}, {"__proto__": None}, ["a"] * 1_001),
    *({f"k{n}": n for n in range(30)}, {"k" * 200: 1}, {"a.b[0]": {"$ref": "#"}}),
]
KEYS = [
    *("type", "recipient", "ctx", "external_id", "correlation_id", "origin", "channel"),
    *("lane", "scheduled_at", "expires_at", "metadata", "email", "phone", "push"),
    *("name", "language", "timezone", "platform", "token", "order", "number", "total"),
    *("recipent", "", "\x00", "\ud800", "a/b~c", "é", "__class__", "k" * 129, "events"),
    *("mode", "id", "source_id", "status", "wishedChannel", "mobilePhone"),
    *("registrationToken", "pushPlatform", "scheduled", "expiration", "application"),
]
# Pieces of text, put in where they do not belong.
PIECES = [
    *(b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\\u", b"\\ud800", b"\\u0000"),
    *(b"NaN", b"-Infinity", b"1e999", b"-", b"0x1", b"00", b".5", b"1.", b"null", b"'"),
    *(b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80"),
    *(
        b"//",
        b"/**/",
        b"\r\n",
        b"\x1a",
        b'"type":1,',
        b"9" * 50,
        b"[" * 40,
        b'{"a":' * 20,
    ),
]
_RAW: list[Callable[[random.Random], bytes]] = [
    lambda chance: b"[" * chance.choice([100, 5_000, 100_000]),
    lambda chance: b'{"ctx":' * chance.choice([10, 2_000]),
    lambda chance: b"{%s}" % b",".join(b'"k%d":1' % n for n in range(2_500)),
    lambda chance: b'{"a":%s}' % (b"9" * chance.choice([41, 5_000])),
    lambda chance: bytes(chance.randrange(256) for _ in range(chance.randrange(200))),
    lambda chance: b" " * chance.choice([0, 1, 270_000]),
]


def bodies(seeds: list[Any], *, count: int, seed: int) -> Iterator[bytes]:
    """Yield so many bodies, each made of one of the seeds."""
    chance = random.Random(seed)
    for _ in range(count):
        if chance.random() < 0.01:
            yield chance.choice(_RAW)(chance)
            continue
        value = copy.deepcopy(chance.choice(seeds))
        for _ in range(chance.choice([0, 1, 1, 1, 2, 4])):
            _reshape(value, chance)
        raw = json.dumps(value, ensure_ascii=chance.random() < 0.5)
        body = raw.encode("utf-8", "surrogatepass")
        for _ in range(chance.choice([0, 0, 0, 1, 1, 3])):
            body = _torn(body, chance)
        yield body


def _reshape(value: Any, chance: random.Random) -> None:
    """Change one place of a value, whatever its depth."""
    holder = value
    while True:
        inner = holder.values() if isinstance(holder, dict) else holder
        deeper = [each for each in inner if isinstance(each, dict | list) and each]
        if not deeper or chance.random() < 0.4:
            break
        holder = chance.choice(deeper)
    keys: list[Any] = (
        list(holder) if isinstance(holder, dict) else [*range(len(holder))]
    )
    what = chance.random()
    if not keys or what < 0.15:
        _add(holder, chance)
        return
    key = chance.choice(keys)
    if what < 0.7:
        holder[key] = copy.deepcopy(chance.choice(VALUES))
    elif what < 0.85:
        del holder[key]
    elif isinstance(holder, dict):
        holder[chance.choice(KEYS)] = holder.pop(key)
    else:
        holder.append(copy.deepcopy(holder[key]))


def _add(holder: Any, chance: random.Random) -> None:
    added = copy.deepcopy(chance.choice(VALUES))
    if isinstance(holder, dict):
        holder[chance.choice(KEYS)] = added
    else:
        holder.append(added)


def _torn(body: bytes, chance: random.Random) -> bytes:
    """Change a text where it may hurt: a byte, a piece, its end."""
    place = chance.randrange(len(body) + 1)
    what = chance.random()
    if what < 0.3:
        return body[:place] + chance.choice(PIECES) + body[place:]
    if what < 0.5:
        return body[:place] + bytes([chance.randrange(256)]) + body[place + 1 :]
    if what < 0.7:
        return body[:place] + body[place + chance.randrange(1, 9) :]
    if what < 0.85:
        return body[:place]
    end = min(len(body), place + chance.randrange(1, 40))
    return body[:end] + body[place:end] + body[end:]
