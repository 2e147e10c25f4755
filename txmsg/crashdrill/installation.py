"""An installation to hurt: servers, gate, peer, and the product's processes.

Everything lies in a folder of its own and ends with this process. Commands here do to
it what the world does: kill, freeze, cut, restart. It must not know what is proven.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from txmsg import embedded
from txmsg.crashdrill import content, gate, peer
from txmsg.crashdrill.client import Client
from txmsg.crashdrill.nursery import Child, Nursery
from txmsg.embedded import Home, Postgres, Server, Valkey

LEASE_SECONDS = 3
SEND_TIMEOUT_SECONDS = 2
# Waves and batches of one: what is struck is struck alone.
ONES: dict[str, Any] = {"TXMSG_WAVE_SIZE": 1, "TXMSG_BATCH_SIZE": 1}
_PORTS_FILE = "ports.json"
_PORTS = ("web", "smtp", "http", "postgres", "valkey")
_CLEARED = ("SECRET_KEY_FALLBACKS", "CSRF_TRUSTED_ORIGINS", "DEFAULT_FROM_EMAIL")


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of an installation in a folder, its ports chosen."""
    ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
    (folder / _PORTS_FILE).write_text(json.dumps(ports))
    home = folder / "home"
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _CLEARED and not name.startswith(("TXMSG_", "PG"))
    }
    return kept | {
        "TXMSG_HOME": str(home),
        embedded.OWNED_BY_PARENT: str(home),
        "TXMSG_FAILPOINTS": str(folder / "failpoints"),
        "TXMSG_DRILL_URL": f"http://127.0.0.1:{ports['http']}",
        "DATABASE_URL": f"postgres://txmsg@127.0.0.1:{ports['postgres']}/txmsg"
        "?sslmode=disable&gssencmode=disable&connect_timeout=5",
        "REDIS_URL": f"redis://127.0.0.1:{ports['valkey']}/0",
        "EMAIL_URL": f"smtp://127.0.0.1:{ports['smtp']}",
        "SECRET_KEY": "of a drill that ends with its folder",
        "ALLOWED_HOSTS": "127.0.0.1",
        "TXMSG_HTTPS": "0",
        "DEBUG": "0",
        "TXMSG_LEASE_SECONDS": str(LEASE_SECONDS),
        "TXMSG_SEND_TIMEOUT_SECONDS": str(SEND_TIMEOUT_SECONDS),
        "TXMSG_FREE_DISK_MB": "0",
    }


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on at the moment."""
    with contextlib.ExitStack() as stack:
        probes = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(count)
        ]
        return [int(probe.getsockname()[1]) for probe in probes]


class Installation:
    """The installation; as a context manager it runs, without workers yet."""

    def __init__(self, *, seed: int) -> None:
        """Fork the nursery: before there are threads and connections."""
        self.home = Home(settings.TXMSG_HOME)
        self.folder = self.home.path.parent
        self.failpoints = Path(settings.TXMSG_FAILPOINTS)
        self.ports: dict[str, int] = json.loads((self.folder / _PORTS_FILE).read_text())
        self.client = Client(self.ports["web"], "")
        self.postgres: Server = Postgres(self.home)
        self.valkey: Server = Valkey(self.home)
        self._seed = seed
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
        self._exit = contextlib.ExitStack()
        self._wanted: dict[str, Callable[[], Child]] = {}
        self.children: dict[str, Child] = {}
        self.deaths: Counter[str] = Counter()
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._copies: list[dict[str, Any]] = []
        self._copies_read = 0
        self.nursery = Nursery()

    def __enter__(self) -> Installation:
        # The processes say what they do in their logs; this one says what it found.
        logging.disable(logging.WARNING)
        with contextlib.ExitStack() as stack:
            stack.callback(self.nursery.close)
            self.failpoints.mkdir(parents=True)
            self.home.make()
            stack.callback(self._stop_servers)
            for server in (self.postgres, self.valkey):
                self.start_server(server)
            self._start_outside(stack)
            call_command("migrate", interactive=False, verbosity=0)
            self.client.key = content.make()
            watcher = threading.Thread(target=self._watch, daemon=True)
            watcher.start()
            stack.callback(watcher.join, 5)
            stack.callback(self._ended.set)
            self.keep("txmsg-web", run="web", port=self.ports["web"])
            if not self.wait(self._answers, seconds=30):
                message = f"no answer: {self.log('txmsg-web')[-2000:]}"
                raise TimeoutError(message)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        connection.close()
        self._exit.close()

    def _start_outside(self, stack: contextlib.ExitStack) -> None:
        doors = {
            "postgres": [
                self.ports["postgres"],
                str(self.home.sockets / ".s.PGSQL.5432"),
            ],
            "valkey": [self.ports["valkey"], str(self.home.valkey_socket)],
        }
        for module, arguments in (
            (gate, [str(self.home.sockets), json.dumps(doors), str(self._seed)]),
            (
                peer,
                [
                    str(self.folder),
                    str(self.ports["smtp"]),
                    str(self.ports["http"]),
                ],
            ),
        ):
            process = embedded.spawn(
                [sys.executable, "-m", module.__name__, *arguments],
                death_signal=signal.SIGKILL,
                cwd=settings.BASE_DIR,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
        control = socket.socket(socket.AF_UNIX)
        stack.callback(control.close)
        self._control = control
        path = str(self.home.sockets / gate.CONTROL)
        if not self.wait(lambda: control.connect_ex(path) == 0, seconds=20):
            message = "the gate does not open"
            raise TimeoutError(message)
        if not self.wait(lambda: self._listens("smtp"), seconds=20):
            message = "the peer does not listen"
            raise TimeoutError(message)

    def _listens(self, name: str) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.ports[name]), 1).close()
        except OSError:
            return False
        return True

    # Servers and gate. On the main thread only: children die with the thread that
    # started them.

    def start_server(self, server: Server) -> None:
        """Start PostgreSQL or Valkey and wait until it answers."""
        self._servers[server.name] = embedded.start(server)

    def kill_server(self, server: Server) -> None:
        """Kill -9 PostgreSQL or Valkey with all its processes, and start it again."""
        process = self._servers[server.name]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.start_server(server)

    def _stop_servers(self) -> None:
        for server in (self.valkey, self.postgres):
            if process := self._servers.pop(server.name, None):
                embedded.stop(server, process, grace=3)

    def tell_gate(self, **told: Mapping[str, Any]) -> dict[str, int]:
        """Change what the gate does; return how often it has cut each connection."""
        self._control.sendall(json.dumps(told).encode() + b"\n")
        answered: dict[str, int] = json.loads(self._control.recv(4096))
        return answered

    def ask_valkey(self, command: str) -> None:
        """Give Valkey a command, as by hand."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.home.valkey_socket))
            client.sendall(command.encode() + b"\r\n")
            client.recv(64)

    # Processes.

    def keep(self, name: str, *, run: str = "command", **told: Any) -> None:
        """Start a process and start it again whenever it has ended."""
        start = functools.partial(
            self.nursery.start, name, run, self.log_path(name), **told
        )
        with self._lock:
            self._wanted[name] = start
            self.children[name] = start()

    def keep_worker(
        self, number: int, *, lanes: str = "normal,bulk,critical", **changed: Any
    ) -> str:
        """Keep a worker alive, with changed settings; return its name."""
        name = f"txmsg-worker-{number}"
        self.keep(
            name,
            command="worker",
            options={"name": name, "lanes": lanes},
            settings=changed,
        )
        return name

    def keep_sweeper(self) -> None:
        """Keep the sweeper alive."""
        self.keep("txmsg-sweeper", command="sweeper", options={"name": "txmsg-sweeper"})

    def kill(self, name: str, which: signal.Signals = signal.SIGKILL) -> bool:
        """Signal a process that is kept; return whether it was there."""
        with self._lock:
            child = self.children.get(name)
        return child is not None and child.signal(which)

    def drop(self, *names: str, grace: float = 10.0) -> float:
        """End processes for good by SIGTERM; return the seconds that it took.

        Those that are left after `grace` seconds are killed, and it raises.
        """
        began = time.monotonic()
        with self._lock:
            leaving = [self.children.pop(name) for name in names]
            for name in names:
                del self._wanted[name]
        for child in leaving:
            child.signal(signal.SIGCONT)
            child.signal(signal.SIGTERM)
        gone = self.wait(
            lambda: not any(child.is_alive() for child in leaving), seconds=grace
        )
        if not gone:
            left = [child.name for child in leaving if child.signal(signal.SIGKILL)]
            message = f"{left} did not end {grace:.0f} s after SIGTERM"
            raise TimeoutError(message)
        return time.monotonic() - began

    def name_of(self, pid: int) -> str:
        """Return the name of the process with a number, "" when it has ended."""
        with self._lock:
            return next((c.name for c in self.children.values() if c.pid == pid), "")

    def workers(self) -> list[str]:
        """Return the names of the workers that are kept."""
        with self._lock:
            return [name for name in self.children if "worker" in name]

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            with self._lock:
                for name, start in self._wanted.items():
                    child = self.children[name]
                    # One that cannot even start must not be started without end.
                    if child.is_alive() or time.monotonic() - child.born_at < 0.2:
                        continue
                    self.deaths[name] += 1
                    self.children[name] = start()

    # Failpoints.

    def arm(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Say where processes are to be struck from now on; see `events.failpoints`."""
        draft = self.failpoints / "draft"
        draft.write_text(json.dumps(list(rules)))
        draft.replace(self.failpoints / "armed")

    def disarm(self) -> None:
        """Let nothing be struck any more, and forget what was."""
        for path in self.failpoints.iterdir():
            path.unlink()

    def strikes(self) -> dict[str, int]:
        """Return the strikes so far, and whom they struck, by process number."""
        found = {}
        for path in self.failpoints.iterdir():
            # One without a number is just being written.
            if path.name not in ("armed", "draft") and (number := path.read_text()):
                found[path.name] = int(number)
        return found

    # Looking.

    def query(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        """Ask the database, past the gate."""
        with psycopg.connect(self.home.database_url, autocommit=True) as direct:
            return direct.execute(statement, values).fetchall()

    def copies(self) -> list[dict[str, Any]]:
        """Return what the peer has taken so far, in order."""
        path = self.folder / peer.LOG
        with path.open("rb") as file:
            file.seek(self._copies_read)
            new = file.read()
        self._copies_read += len(new)
        self._copies += [json.loads(line) for line in new.splitlines()]
        return self._copies

    def log(self, name: str) -> str:
        """Return what a process has said."""
        try:
            return self.log_path(name).read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def logs(self) -> Iterator[tuple[str, str]]:
        """Yield the processes' names with what they have said."""
        for path in sorted(self.home.log.glob("txmsg-*.log")):
            yield path.stem, path.read_text("utf-8", "replace")

    def events(self) -> int:
        """Return how many events exist."""
        return int(self.query("SELECT count(*) FROM events_event")[0][0])

    def open_rows(self) -> int:
        """Return how many rows of work are not held, paused or scheduled."""
        (found,) = self.query(
            """
            SELECT count(*) FROM events_work w JOIN events_event e ON e.id = w.event_id
            WHERE w.stage NOT IN ('held', 'paused')
              AND NOT coalesce(e.scheduled_at > clock_timestamp(), false)
            """
        )[0]
        return int(found)

    def settle(self, *, seconds: float) -> bool:
        """Wait until nothing is left to do; return whether it came to that."""
        return self.wait(lambda: self.open_rows() == 0, seconds=seconds, step=0.1)

    def wait(
        self, done: Callable[[], bool], *, seconds: float, step: float = 0.05
    ) -> bool:
        """Wait until something holds; return whether it came to that."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                return False
            time.sleep(step)
        return True

    def _answers(self) -> bool:
        return self.client.request("GET", "/healthz")[0] == 200

    def log_path(self, name: str) -> Path:
        """Return the file that a process writes to."""
        return self.home.log / f"{name}.log"
