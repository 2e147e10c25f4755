"""What the web server calls."""

import multiprocessing
import os
import signal
from typing import Any

import django
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from django.utils.module_loading import import_string

from txmsg import garbage
from txmsg.embedded.processes import die_with_parent
from txmsg.front import Front

# A server's worker process must not answer on when its server was killed.
server = multiprocessing.parent_process()
if server is not None and server.pid is not None:
    die_with_parent(signal.SIGKILL, parent=server.pid)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)
application = Front()
# By its name: its models are there only now.
import_string("events.refusals.begin_writing")()
garbage.collect_seldom()


@receiver(connection_created)
def bound_statements(connection: BaseDatabaseWrapper, **_kwargs: Any) -> None:
    """End a statement of a web request after 30 s: nobody waits for it any more."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '30s'")
