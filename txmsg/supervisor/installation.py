"""What `up` runs: the embedded servers, migrations, and the product's processes.

Must not know what the processes do, only how each is started.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.management import call_command, get_commands
from django.db import OperationalError, connections

from txmsg.embedded import EmbeddedError, Home, Postgres, Server, Valkey
from txmsg.supervisor.supervision import ChildSpec, Supervisor

# Enough for a cold start of everything on a slow machine.
READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Installation:
    """What to run: where the web process listens, and how many workers there are.

    One worker serves the critical lane alone, the others the rest.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 3
    web_threads: int = 8

    @property
    def url(self) -> str:
        """Return the address to reach the web process from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return (
            f"http://[{host}]:{self.port}"
            if ":" in host
            else f"http://{host}:{self.port}"
        )


@contextlib.contextmanager
def running(
    installation: Installation,
    *,
    say: Callable[[str], None],
    log_to_files: bool = False,
) -> Iterator[Supervisor]:
    """Have the whole product run while the block does; it ends with the block.

    Yields once the web process takes connections. The block must keep calling the
    supervisor (`run_until`, `run_until_stopped`): that is what restarts a dead child.
    Raises EmbeddedError, in words for an operator, before anything is started when the
    port is in use or another owner stays.
    """
    _check_port(installation)
    home = Home(settings.TXMSG_HOME)
    with (
        Supervisor(
            home, say=say, log_to_files=log_to_files, cwd=settings.BASE_DIR
        ) as supervisor,
        contextlib.ExitStack() as stack,
    ):
        supervisor.start_servers(embedded_servers(home))
        _migrate(say)
        inbox = _listen_for_inbox(home) if settings.TXMSG_EMBEDDED_INBOX else None
        if inbox is not None:
            stack.callback(inbox.close)
        specs = child_specs(installation, inbox=inbox)
        supervisor.start_children(specs)
        say(f"started {', '.join(spec.name for spec in specs)}")
        if supervisor.run_until(lambda: _answers(installation), longest=READY_SECONDS):
            say(f"admin  {installation.url}/admin/")
            say(f"API    {installation.url}/api/v1/")
            if inbox is not None:
                say(f"inbox  {home.inbox_url()}")
        elif not supervisor.is_stopping:
            say(f"{installation.url} does not answer after {READY_SECONDS:.0f} s")
        yield supervisor


def embedded_servers(home: Home) -> list[Server]:
    """Return the servers that no URL in the environment replaces."""
    servers: list[Server] = []
    if settings.TXMSG_EMBEDDED_DATABASE:
        servers.append(Postgres(home))
    if settings.TXMSG_EMBEDDED_REDIS:
        servers.append(Valkey(home))
    return servers


def child_specs(
    installation: Installation, *, inbox: socket.socket | None
) -> list[ChildSpec]:
    """Return the product's processes.

    Each has its name in its command line, and no other process has.
    """
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    specs = [
        ChildSpec("txmsg-web", _web_command(installation), env=_web_env(installation))
    ]
    for number in range(1, installation.workers + 1):
        name = f"txmsg-worker-{number}"
        lanes = "critical" if number == 1 else "normal,bulk"
        specs.append(
            ChildSpec(name, [*manage, "worker", "--name", name, "--lanes", lanes])
        )
    name = "txmsg-sweeper"
    specs.append(ChildSpec(name, [*manage, "sweeper", "--name", name]))
    if inbox is not None:
        name = "txmsg-inbox"
        command = [*manage, "inbox", "--name", name, "--fd", str(inbox.fileno())]
        specs.append(ChildSpec(name, command, pass_fds=[inbox.fileno()]))
    return specs


def _web_command(installation: Installation) -> list[str]:
    return [
        *(sys.executable, "-m", "txmsg.web", "--name", "txmsg-web"),
        *("--interface", "wsgi", "--no-ws", "--log-level", "error"),
        *("--host", installation.host, "--port", str(installation.port)),
        *("--workers", "1", "--blocking-threads", str(installation.web_threads)),
        # Otherwise a request in flight keeps it from ending, and one dead worker ends
        # it.
        *("--workers-kill-timeout", "5s", "--respawn-failed-workers"),
        "config.wsgi:application",
    ]


def _web_env(installation: Installation) -> dict[str, str]:
    """Return where images are loaded from, unless the settings name a place."""
    if settings.TXMSG_PUBLIC_URL != settings.TXMSG_LOCAL_URL:
        return {}
    return {"TXMSG_PUBLIC_URL": installation.url}


def _check_port(installation: Installation) -> None:
    """Refuse a port that is in use: granian would share it with the other server."""
    if not 0 < installation.port < 65_536:
        message = f"there is no port {installation.port}: --port takes 1 to 65535."
        raise EmbeddedError(message)
    where = (installation.host, installation.port)
    family = socket.AF_INET6 if ":" in installation.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                message = (
                    f"port {installation.port} on {installation.host} is in use: "
                    "choose another with --port."
                )
            else:
                message = f"cannot listen on {where[0]}, port {where[1]}: {error}"
            raise EmbeddedError(message) from error


def _migrate(say: Callable[[str], None]) -> None:
    """Bring the database up to date, and its partitions ahead of time."""
    try:
        call_command("migrate", interactive=False, verbosity=0)
        if "partitions" in get_commands():
            call_command("partitions", verbosity=0)
    except OperationalError as error:
        message = f"the database cannot be brought up to date: {error}"
        raise EmbeddedError(message) from error
    finally:
        connections.close_all()
    say("database is up to date")


def _listen_for_inbox(home: Home) -> socket.socket:
    """Listen on a free port in the inbox's place, and write down which.

    The owner holds the socket, so that the port outlives the inbox process.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    home.inbox_url_path.write_text(
        f"smtp://127.0.0.1:{listener.getsockname()[1]}\n", encoding="ascii"
    )
    return listener


def _answers(installation: Installation) -> bool:
    """Say whether the web process takes connections."""
    host = installation.url.removeprefix("http://").rpartition(":")[0].strip("[]")
    try:
        socket.create_connection((host, installation.port), timeout=1).close()
    except OSError:
        return False
    return True
