"""A running installation for tests that kill: `up` as users run it, and an SMTP server.

Its own home, database and port. The SMTP server stands outside and counts what really
arrives: nothing that the product says of itself is believed without it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from aiosmtpd.controller import Controller

from txmsg.embedded import Home

ROOT = Path(__file__).resolve().parent.parent
USER, PASSWORD = "marketer", "a long enough password"
_CLEARED = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS", "EMAIL_URL")


class Sink:
    """An SMTP server that keeps, of each mail, recipient and delivery."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str, float]] = []

    async def handle_DATA(  # noqa: N802  (aiosmtpd's name)
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        """Count a mail."""
        head = envelope.content[:4000].decode("ascii", "replace")
        delivery = head.partition("X-Txmsg-Delivery:")[2].split("\n")[0].strip()
        self.received.append((envelope.rcpt_tos[0], delivery, time.time()))
        return "250 OK"

    def copies(self) -> Counter[str]:
        """Return how many copies each recipient has."""
        return Counter(recipient for recipient, _, _ in self.received)


@dataclass
class Installation:
    """A running `up`, and how to post to it, look into it and hurt it."""

    home: Home
    port: int
    environment: dict[str, str]
    sink: Sink
    process: subprocess.Popen[bytes]
    key: str = ""
    answers: Counter[int] = field(default_factory=Counter)

    def manage(self, *arguments: str) -> str:
        """Run a management command; return what it prints."""
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send one request; return status and JSON, status 0 if nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        finally:
            connection.close()

    def post(self, type_name: str, addresses: list[str], *, threads: int = 4) -> None:
        """Post one event for each address, again until it is accepted."""
        waiting = list(reversed(addresses))

        def work() -> None:
            while True:
                try:
                    address = waiting.pop()
                except IndexError:
                    return
                body = {
                    "type": type_name,
                    "recipient": {"email": address, "name": "Ada"},
                    "ctx": {"number": address.split("@")[0]},
                    "external_id": address,
                }
                for _ in range(50):
                    status, _answer = self.request("POST", "/api/v1/events", body)
                    self.answers[status] += 1
                    if status in (200, 202):
                        break
                    time.sleep(0.2)

        crew = [threading.Thread(target=work) for _ in range(threads)]
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join()

    def pids(self, name: str) -> list[int]:
        """Return the processes of ours with a name in their command line."""
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes().decode(errors="replace")
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if name in command and parent == self.process.pid:
                    found.append(int(folder.name))
        return sorted(found)

    def kill(self, name: str) -> int:
        """Kill -9 one process of a name; return its pid, 0 if there is none."""
        pids = self.pids(name)
        if not pids:
            return 0
        pid = random.choice(pids)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return pid

    def freeze(self, name: str) -> list[int]:
        """Stop every process of a name in its tracks; return the pids to thaw."""
        pids = self.pids(name)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        return pids

    def thaw(self, pids: list[int]) -> None:
        """Let frozen processes go on."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        parts = self.home.database_url
        with psycopg.connect(parts) as connection:
            return connection.execute(statement).fetchall()

    def wait(self, done: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until something holds; return whether it came to that."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if done():
                return True
            time.sleep(0.1)
        return False

    def is_ready(self) -> bool:
        """Say whether /readyz is green."""
        return self.request("GET", "/readyz")[0] == 200

    def is_idle(self) -> bool:
        """Say whether every event is final and nothing waits."""
        (open_events,) = self.query(
            "SELECT count(*) FROM events_event WHERE outcome = ''"
        )[0]
        (work,) = self.query("SELECT count(*) FROM events_work")[0]
        return bool(open_events == 0 and work == 0)


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def installation(
    folder: Path, *, settings: dict[str, str] | None = None
) -> Iterator[Installation]:
    """Have `up` run in a folder with one published message, `drill`; end it after."""
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=free_port())
    controller.start()
    home = Home(folder)
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in _CLEARED and not name.startswith(("TXMSG_", "PG", "DJANGO_"))
    }
    environment |= {
        "TXMSG_HOME": str(folder),
        "EMAIL_URL": f"smtp://127.0.0.1:{controller.port}",
        **(settings or {}),
    }
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "manage.py"),
            "up",
            f"--port={port}",
            "--log-files",
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    made = Installation(home, port, environment, sink, process)
    try:
        if not made.wait(made.is_ready, seconds=120):
            message = f"not ready: {made.request('GET', '/readyz')}"
            raise TimeoutError(message)
        made.key = made.manage("shell", "-c", _CONTENT).split()[-1]
        yield made
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        controller.stop()


# One command for all of it: each costs a second or two of imports.
_CONTENT = """
from django.contrib.auth import get_user_model
from django.core.management import call_command
from events.models import EventType
from templates_app.models import Message
from templates_app import publishing
event_type = EventType.objects.create(
    name="drill", label="Drill", sample={"number": "1"})
message = Message.objects.create(
    label="Drill", internal_name="drill", channel="email", event_type=event_type,
    context_sample={"number": "1"},
    content={"en": {"subject": "Drill {{ ctx.number }}", "source_kind": "html",
        "source": "<html><body><p>Number {{ ctx.number }}</p></body></html>",
        "from_name": "Drill", "from_address": "drill@example.com"}})
publishing.publish(message)
get_user_model().objects.create_superuser("USER", password=PASSWORD)
call_command("create_api_key", source="drill", scope=None)
""".replace("PASSWORD", repr(PASSWORD)).replace("USER", USER)
