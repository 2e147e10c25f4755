"""Where the benchmark runs: services of its own on loopback, and whoever uses them.

The process that conducts it uses no database. What is measured runs in children with
an environment made here: nothing that the operator has set or running is touched.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

from txmsg.bench import machine, smtp_source
from txmsg.embedded import Home, Postgres, Server, Valkey, start, stop
from txmsg.embedded.processes import end, open_log, spawn

DATABASE = "txmsg"
_OURS = ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "SECRET_KEY", "ALLOWED_HOSTS")
_PREFIXES = ("TXMSG_", "PG", "DJANGO_", "PYTEST_")
_READY_SECONDS = 30.0


class BenchError(RuntimeError):
    """The benchmark cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Sink:
    """A running SMTP server that takes everything."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Return its process."""
        return self.process.pid


@dataclass(frozen=True, slots=True)
class Bench:
    """The services of one run, and how to talk about it."""

    home: Home
    postgres_pid: int
    began: float
    write: Callable[[str], None]

    def say(self, line: str) -> None:
        """Tell on stderr what goes on, with the seconds since the beginning."""
        self.write(f"[{time.monotonic() - self.began:5.0f} s] {line}")


@contextlib.contextmanager
def running(folder: Path, *, write: Callable[[str], None]) -> Iterator[Bench]:
    """Have PostgreSQL and Valkey answer in a new folder, which goes with the block."""
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        home = Home(place)
        stack.callback(shutil.rmtree, home.sockets, ignore_errors=True)
        pids = []
        servers: tuple[Server, ...] = (Postgres(home), Valkey(home))
        for server in servers:
            process = start(server)
            stack.callback(stop, server, process, grace=10)
            pids.append(process.pid)
        yield Bench(home, pids[0], began, write)


@contextlib.contextmanager
def sink(bench: Bench, *options: str, own: bool = False) -> Iterator[Sink]:
    """Have a sink listen: smtp-sink, or our own where that is absent or `own`."""
    port = free_port()
    command = None if own else smtp_source.sink_command(port)
    if command is None:
        program = [sys.executable, "-m", "txmsg.bench.sink"]
        command = [*program, "--port", str(port), *options]
    process = _spawned(bench, command, name="sink", env=base_environment())
    try:
        wait_for_port(port)
        yield Sink(port, process)
    finally:
        end(process, ask=signal.SIGTERM, grace=5)


@contextlib.contextmanager
def child(
    bench: Bench, command: list[str], *, name: str, env: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Have a process run while the block does; its output goes to the log folder."""
    process = _spawned(bench, command, name=name, env=env)
    try:
        yield process
    finally:
        end(process, ask=signal.SIGTERM, grace=10)


def inside(
    bench: Bench,
    verb: str,
    *,
    database: str = DATABASE,
    sink_port: int = 0,
    extra: Mapping[str, str] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Run a verb of `txmsg.bench.inside` in a child with the product's settings."""
    options["postgres_pid"] = bench.postgres_pid
    command = [sys.executable, "-m", "txmsg.bench.inside", verb, json.dumps(options)]
    env = product_environment(bench, database, sink_port) | dict(extra or {})
    return _last_line(bench, command, env=env, name=verb)


def last_line_of(
    bench: Bench, command: list[str], *, env: Mapping[str, str], name: str
) -> dict[str, Any]:
    """Run a program to its end; return the JSON object of its last line."""
    return _last_line(bench, command, env=env, name=name)


def _last_line(
    bench: Bench, command: list[str], *, env: Mapping[str, str], name: str
) -> dict[str, Any]:
    log = bench.home.log / f"{name}.log"
    with log.open("ab") as errors:
        # In its own session, and it dies with us: so do the workers it starts.
        process = subprocess.Popen(  # noqa: S603  (our own programs)
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(env),
            cwd=settings.BASE_DIR,
        )
        try:
            output, _ = process.communicate()
        except BaseException:
            end_single(process)
            raise
    if process.returncode:
        raise BenchError(f"{name} failed: {_tail(log)}")
    found: dict[str, Any] = json.loads(output.decode().strip().splitlines()[-1])
    return found


def end_single(process: subprocess.Popen[bytes]) -> None:
    """End a child and wait for it."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()
    process.wait()


def product_environment(
    bench: Bench, database: str = DATABASE, sink_port: int = 0
) -> dict[str, str]:
    """Return the environment of a process of the product in this run."""
    return base_environment() | {
        "TXMSG_HOME": str(bench.home.path),
        "DATABASE_URL": database_url(bench, database),
        "REDIS_URL": bench.home.redis_url,
        "SECRET_KEY": "of a benchmark that ends with its data",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "TXMSG_HTTPS": "0",
        "TXMSG_LOG_LEVEL": "WARNING",
        "EMAIL_URL": f"smtp://127.0.0.1:{sink_port}",
    }


def base_environment() -> dict[str, str]:
    """Return our own environment without what says how the product runs."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _OURS and not name.startswith(_PREFIXES)
    } | {"DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE}


def database_url(bench: Bench, database: str) -> str:
    """Return the address of a database of this run."""
    head, _, query = bench.home.database_url.partition("?")
    return f"{head.rpartition('/')[0]}/{database}?{query}"


def query(bench: Bench, statement: str, *, database: str = DATABASE) -> list[Any]:
    """Ask a database of this run; outside of any transaction."""
    with psycopg.connect(database_url(bench, database), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def clone(bench: Bench, *, source: str, target: str) -> None:
    """Make a database as a copy of another that nobody uses."""
    query(bench, f"DROP DATABASE IF EXISTS {target}", database="postgres")
    query(bench, f"CREATE DATABASE {target} TEMPLATE {source}", database="postgres")


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for_port(port: int, *, seconds: float = _READY_SECONDS) -> None:
    """Wait until somebody listens on a port; raise BenchError if nobody does."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise BenchError(f"nothing listens on port {port}") from None
            time.sleep(0.05)
        else:
            return


@functools.cache
def machine_line() -> str:
    """Return the machine in one line."""
    return machine.describe()


def _spawned(
    bench: Bench, command: list[str], *, name: str, env: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    log = open_log(bench.home.log / f"{name}.log")
    try:
        return spawn(
            command,
            death_signal=signal.SIGKILL,
            output=log,
            env=env,
            cwd=settings.BASE_DIR,
        )
    finally:
        os.close(log)


def _tail(path: Path) -> str:
    return " | ".join(path.read_text(errors="replace").splitlines()[-6:])
