"""`python -m txmsg.bench.peers NAME ROWS`: run one yardstick, print its result."""

from __future__ import annotations

import sys

import django
from django.core.management import call_command
from django.utils.module_loading import import_string

PROGRAMS = {
    "post_office": "txmsg.bench.peers.post_office.main",
    "mailer": "txmsg.bench.peers.mailer.main",
    "naive": "txmsg.bench.peers.naive.program.main",
}


def main() -> None:
    """Make the tables, then run the yardstick: its models need Django set up."""
    django.setup()
    call_command("migrate", interactive=False, run_syncdb=True, verbosity=0)
    import_string(PROGRAMS[sys.argv[1]])(int(sys.argv[2]))


if __name__ == "__main__":
    main()
