"""A pytest plugin: throw-away PostgreSQL and Valkey, up before settings are read.

Loaded by `-p` (pyproject.toml), since a conftest comes too late. Nothing that the
developer has set or running is used: the environment of the tests is made here.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from txmsg.embedded import Home, Postgres, Server, Valkey, start, stop

# Set while the services of a pytest run are up; its xdist workers inherit it.
_STARTED = "TXMSG_TESTS_STARTED"
# What says how to test stays; what says how to run goes.
_KEPT = ("TXMSG_TEST_BROWSER", "TXMSG_TEST_FUZZ")
_READ_BY_SETTINGS = ("CSRF_TRUSTED_ORIGINS", "DEBUG", "DEFAULT_FROM_EMAIL", "EMAIL_URL")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config,
) -> Generator[None, object, object]:
    """Start the services, if tests will run; a wrapper comes before pytest-django."""
    known = early_config.known_args_namespace
    # Some thirty processes are started: one compiles our modules for all of them.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if _STARTED in os.environ:
        _use_own_queue(os.environ.get("PYTEST_XDIST_WORKER", "gw0"))
    else:
        folder = Path(tempfile.mkdtemp(prefix="txmsg-test-"))
        early_config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        home = Home(folder / "services")
        _set_environment(home, folder / "home")
        quiet = ("collectonly", "help", "version", "showfixtures", "markers")
        if not any(getattr(known, name, False) for name in quiet):
            # Like Ctrl-C, so that pytest ends by its usual way on SIGTERM too.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            for server in (Postgres(home, durable=False), Valkey(home, durable=False)):
                early_config.add_cleanup(_started(server))
            os.environ[_STARTED] = "1"
    return (yield)


def _started(server: Server) -> Callable[[], None]:
    """Start a server and return what stops it."""
    process = start(server)
    return lambda: stop(server, process, grace=5)


def _set_environment(services: Home, home: Path) -> None:
    """Make the environment that settings read, whatever the developer's is."""
    for name in list(os.environ):
        if name in _KEPT:
            continue
        if name in _READ_BY_SETTINGS or name.startswith(("TXMSG_", "PG")):
            del os.environ[name]
    os.environ.update(
        DATABASE_URL=services.database_url,
        REDIS_URL=services.redis_url,
        SECRET_KEY="for tests only",
        ALLOWED_HOSTS="127.0.0.1,localhost,[::1],testserver",
        # A zone that is not UTC, and not on the hour, shows naive times.
        TIME_ZONE="Asia/Kathmandu",
        TXMSG_HOME=str(home),
        TXMSG_HTTPS="0",
    )


def _use_own_queue(worker: str) -> None:
    """Give each xdist worker its own Valkey database; PostgreSQL's has a suffix."""
    number = int(worker.removeprefix("gw")) + 1
    address = os.environ["REDIS_URL"].partition("?")[0]
    os.environ["REDIS_URL"] = f"{address}?db={number}"
