"""The ways out: one module a channel, all under the contract in base."""

from __future__ import annotations

import os
import threading

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from txmsg.channels.base import Channel

_channels: dict[tuple[int, int, str], Channel] = {}


def get_channel(name: str) -> Channel:
    """Return this thread's channel of that name, built as the settings say.

    Raise ImproperlyConfigured for a name that TXMSG_CHANNELS lacks, ValueError when
    the channel's settings cannot serve (as with an EMAIL_URL that is no SMTP URL).
    """
    # A forked child must not write into the connection of its parent, nor a thread
    # into that of another.
    key = (os.getpid(), threading.get_ident(), name)
    if key not in _channels:
        path = settings.TXMSG_CHANNELS.get(name)
        if path is None:
            raise ImproperlyConfigured(
                f"TXMSG_CHANNELS names no class for the channel {name!r}."
            )
        channel: Channel = import_string(path).from_settings()
        _channels[key] = channel
    return _channels[key]


def close_channels() -> None:
    """Close this process's channels and forget them; the next use builds them anew."""
    for key in [key for key in _channels if key[0] == os.getpid()]:
        _channels.pop(key).close()
