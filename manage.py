#!/usr/bin/env python
"""Run a command of the product, with the embedded services at hand when it needs them.

Must not know what a command does, only whether it needs the services.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

# These run the services themselves.
_OWNERS = {"demo", "up"}
_WITHOUT_SERVICES = _OWNERS | {
    "bench",
    "check",
    "collectstatic",
    "compilemessages",
    "crashdrill",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "startapp",
    "startproject",
    "version",
}


# What a user may run first of all, in an installation that was never started.
_NEEDS_TABLES = {
    "create_api_key",
    "createsuperuser",
    "drain",
    "load_demo",
    "partitions",
    "sample_event",
    "sweep",
}


def main(argv: list[str]) -> None:
    """Run the command named in `argv`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if _OWNERS & set(argv[1:2]):
        # From the first moment on: a stop while Django is being imported is a stop.
        for which in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(which, _leave_quietly)
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from txmsg.embedded import EmbeddedError

    try:
        if _needs_services(argv):
            _run_with_services(argv)
        else:
            execute_from_command_line(argv)
    except (EmbeddedError, ImproperlyConfigured) as error:
        sys.exit(f"txmsg: {error}")


def _run_with_services(argv: list[str]) -> None:
    from django.conf import settings
    from django.core.management import execute_from_command_line

    from txmsg.embedded import Home, attached, is_child_of_owner
    from txmsg.supervisor.installation import embedded_servers

    home = Home(settings.TXMSG_HOME)
    servers = embedded_servers(home)
    if servers and not is_child_of_owner(home):
        # atexit does not run on a signal; leaving by an exception stops them.
        for which in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(which, _leave)
    with attached(home, servers):
        if argv[1] in _NEEDS_TABLES:
            _make_tables()
        execute_from_command_line(argv)


def _make_tables() -> None:
    """Make the tables of a new embedded database; say what to do about another's."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    if "events_event" in connection.introspection.table_names():
        return
    if not settings.TXMSG_EMBEDDED_DATABASE:
        sys.exit("txmsg: the database has no tables yet: run manage.py migrate")
    call_command("migrate", interactive=False, verbosity=0)


def _needs_services(argv: list[str]) -> bool:
    options = set(argv[1:])
    if not options or options & {"-h", "--help", "--version"}:
        return False
    if argv[1] == "check" and "--database" in options:
        return True
    return argv[1] not in _WITHOUT_SERVICES


def _leave(which: int, _frame: FrameType | None) -> None:
    sys.exit(128 + which)


def _leave_quietly(_which: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv)
