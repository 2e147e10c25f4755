"""Addresses of mail: what one is, and how it is written on the wire.

It knows what RFC 5321 and IDNA ask of an address; it must not know mails or servers.
"""

from __future__ import annotations

import functools
import re
import unicodedata

import idna

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(\.{_ATOM})*")


class AddressError(ValueError):
    """An address that cannot be written into a mail, with the reason in words."""


def normalized(address: str) -> str:
    """Return the address with its domain in ASCII (punycode); its name part stays.

    Raise AddressError unless it is one plain `name@domain`.
    """
    local, at, domain = address.rpartition("@")
    if not at or not _DOT_ATOM.fullmatch(local):
        raise AddressError(f"{shown(address)} is not one plain email address")
    try:
        result = f"{local}@{_ascii_domain(domain)}"
        octets = len(local.encode()), len(result.encode())
    except UnicodeError as error:
        raise AddressError(f"{shown(address)}: {error}") from error
    except ValueError as error:
        raise AddressError(f"{shown(address)} {error}") from error
    if octets[0] > 64 or octets[1] > 254:
        raise AddressError(f"{shown(address)} is longer than an address may be")
    return result


def shown(text: str) -> str:
    """Return a text as an error may quote it: in ASCII, not too long."""
    return ascii(text if len(text) <= 80 else f"{text[:77]}...")


@functools.lru_cache(maxsize=4096)
def _ascii_domain(domain: str) -> str:
    """Return a domain as the wire has it; raise UnicodeError or ValueError."""
    # IDNA would drop invisible characters, and the mail would go where it does not say.
    if any(unicodedata.category(c) == "Cf" for c in domain):
        raise ValueError("has invisible characters")
    # IDNA's rules would refuse some old domains that are plain ASCII.
    result = (
        domain.lower()
        if domain.isascii()
        else idna.encode(domain, uts46=True).decode("ascii")
    )
    if not all(_LABEL.fullmatch(label) for label in result.split(".")):
        raise ValueError("has no domain that mail can be sent to")
    return result
