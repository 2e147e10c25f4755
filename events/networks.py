"""Networks, and which address a request counts as coming from.

Behind a proxy the address that connects is the proxy's. Which proxies may say where a
request came from stands in `TXMSG_PROXIES`; nobody else is believed.
"""

from __future__ import annotations

import functools
import ipaddress
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings

logger = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# 192.0.2.7:50400 and [2001:db8::7]:50400, as some proxies write it.
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([^:]*):\d+")


def caller_address(meta: Mapping[str, Any]) -> str:
    """Return the address a request came from, by the environment of WSGI.

    That is the one that connected. Is it a proxy of ours, then it is the last address
    in X-Forwarded-For that is none: each proxy adds at the end who connected to it,
    and what stands further left may be made up. Empty when that cannot be read.
    """
    connected: str = meta.get("REMOTE_ADDR", "")
    if not settings.TXMSG_PROXIES:
        return connected
    proxies = parsed(tuple(settings.TXMSG_PROXIES))
    forwarded: str = meta.get("HTTP_X_FORWARDED_FOR", "")
    if not forwarded or not contains(proxies, connected):
        return connected
    for part in reversed(forwarded.split(",")):
        found = _address(_without_port(part.strip()))
        if found is None:
            return ""
        if not _is_in(proxies, found):
            break
    return str(found)


@functools.lru_cache(maxsize=1024)
def parsed(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Return networks as they were noted; what is none is left out, with a warning."""
    found = []
    for text in texts:
        try:
            found.append(network(text))
        except ValueError:
            logger.warning("%r among allowed networks or proxies is no network", text)
    return tuple(found)


def network(text: str) -> Network:
    """Return a network such as 10.0.0.0/8 or 2001:db8::/32; raise ValueError.

    An address alone is a network of one; bits behind the mask do not matter.
    """
    return ipaddress.ip_network(text.strip(), strict=False)


def contains(networks: Sequence[Network], address: str) -> bool:
    """Say whether an address lies in one of these networks."""
    found = _address(address)
    return found is not None and _is_in(networks, found)


def _is_in(networks: Iterable[Network], address: Address) -> bool:
    return any(address in each for each in networks)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A socket for both versions shows an IPv4 caller as ::ffff:10.0.0.1.
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(text: str) -> str:
    matched = _WITH_PORT.fullmatch(text)
    return (matched[1] or matched[2] or "") if matched else text
