"""One owner process and its children: a dead child comes back, all end together.

Must not know what the children do, nor Django.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from txmsg import embedded
from txmsg.embedded import EmbeddedError, Home, Lock, Server, processes

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Ten seconds for everything: the children first, for they need the servers to finish.
CHILDREN_GRACE_SECONDS = 6.5
SERVERS_GRACE_SECONDS = 2.5
# A process manager that restarts us leaves the one before ten seconds to end.
OWNER_WAIT_SECONDS = 60.0
# A child that lived this long was healthy: its next death is its first.
_HEALTHY_SECONDS = 10.0
_DEATHS_BEFORE_BACK_OFF = 3
_LONGEST_BACK_OFF_SECONDS = 30.0
# Killed from outside, by a person or for memory: no fault of its own start.
_LONGEST_WAIT_AFTER_KILL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A child to keep alive: its name for people, and how to start it."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    pass_fds: Sequence[int] = ()


@dataclass(slots=True)
class _Watched:
    """A child or server as the owner sees it; `due_at` is when to start it again."""

    name: str
    launch: Callable[[], subprocess.Popen[bytes]]
    ask: signal.Signals
    log_path: Path | None
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    deaths: int = 0


class Supervisor:
    """The owner of a data folder and of the processes that run on it.

    Use as a context manager on the main thread: entering takes the folder's lock and
    the stop signals, leaving ends every child. While something is being started a stop
    signal leaves by SystemExit(0); afterwards it makes `tick` return False.
    """

    def __init__(
        self,
        home: Home,
        *,
        say: Callable[[str], None],
        log_to_files: bool = False,
        cwd: Path | None = None,
    ) -> None:
        """Prepare; `log_to_files` writes children's output to the log folder.

        Otherwise they share this process' output, where a terminal, a container or a
        service manager picks it up. The servers always have files.
        """
        self._home = home
        self._say = say
        self._log_to_files = log_to_files
        self._cwd = cwd
        self._servers: list[_Watched] = []
        self._children: list[_Watched] = []
        self._stop_asked = False
        self._starting = True
        self._exit = contextlib.ExitStack()
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)

    # Taking over and leaving.

    def __enter__(self) -> Self:
        """Take the stop signals and the lock; raises EmbeddedError when it is held."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._close_pipe)
            before = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
            stack.callback(signal.set_wakeup_fd, before)
            for which in STOP_SIGNALS:
                self._handle(stack, which, self._on_stop_signal)
            # The handler does nothing, but with it the wake-up descriptor is written.
            self._handle(stack, signal.SIGCHLD, lambda _signal, _frame: None)
            self._take_lock(stack)
            stack.callback(self.stop)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every child, then the servers, and give the folder back."""
        self._starting = False
        self._exit.close()

    def _handle(
        self,
        stack: contextlib.ExitStack,
        which: signal.Signals,
        handler: Callable[[int, FrameType | None], None],
    ) -> None:
        before = signal.signal(which, handler)
        stack.callback(signal.signal, which, before)

    def _on_stop_signal(self, _which: int, _frame: FrameType | None) -> None:
        first, self._stop_asked = not self._stop_asked, True
        if first and self._starting:
            raise SystemExit(0)

    def _take_lock(self, stack: contextlib.ExitStack) -> None:
        self._home.make()
        lock = Lock(self._home.lock_path)
        stack.callback(lock.close)
        if not lock.take():
            holder = lock.holder() or "another command"
            self._say(f"{holder} uses {self._home.path}; waiting for its end")
            if not lock.take(wait=OWNER_WAIT_SECONDS):
                message = f"{holder} still uses {self._home.path}: end it first."
                raise EmbeddedError(message)
        lock.sign(embedded.UP)
        # A dead owner's inbox listens no more.
        self._home.inbox_url_path.unlink(missing_ok=True)

    def _close_pipe(self) -> None:
        os.close(self._wake_read)
        os.close(self._wake_write)

    # Starting.

    def start_servers(self, servers: Sequence[Server]) -> None:
        """Start the embedded servers, each answering before the next begins."""
        for server in servers:
            began = time.monotonic()
            watched = _Watched(
                name=server.name,
                launch=functools.partial(embedded.launch, server, patience=1),
                ask=server.stop_signal,
                log_path=server.log_path,
            )
            watched.process = embedded.start(server)
            watched.started_at = time.monotonic()
            self._servers.append(watched)
            self._say(f"{server.name} answers ({time.monotonic() - began:.1f} s)")

    def start_children(self, specs: Sequence[ChildSpec]) -> None:
        """Start children and watch them from now on."""
        for spec in specs:
            watched = _Watched(
                name=spec.name,
                launch=functools.partial(self._launch_child, spec),
                ask=signal.SIGTERM,
                log_path=self._log_path(spec),
            )
            self._children.append(watched)
            self._start(watched)

    def _log_path(self, spec: ChildSpec) -> Path | None:
        return self._home.log / f"{spec.name}.log" if self._log_to_files else None

    def _launch_child(self, spec: ChildSpec) -> subprocess.Popen[bytes]:
        path = self._log_path(spec)
        output = None if path is None else processes.open_log(path)
        try:
            return processes.spawn(
                spec.argv,
                # Not asked but killed: a child without its owner has no servers, and
                # its work is made to survive just that.
                death_signal=signal.SIGKILL,
                output=output,
                env={
                    **os.environ,
                    **embedded.child_environment(self._home),
                    **spec.env,
                },
                pass_fds=spec.pass_fds,
                cwd=self._cwd,
            )
        finally:
            if output is not None:
                os.close(output)

    def _start(self, watched: _Watched) -> None:
        watched.started_at = time.monotonic()
        try:
            watched.process = watched.launch()
        except (EmbeddedError, OSError) as error:
            self._say(f"{watched.name} cannot be started: {error}")
            self._postpone(watched, killed=False)

    # Watching.

    def tick(self, longest: float = 1.0) -> bool:
        """Restart what died; wait for something to happen, at most `longest` seconds.

        Returns False once the processes shall end.
        """
        self._starting = False
        if self._stop_asked:
            return False
        now = time.monotonic()
        for watched in self._all():
            if watched.process is not None and watched.process.poll() is not None:
                self._note_death(watched, watched.process)
            if watched.process is None and watched.due_at <= now:
                self._start(watched)
        waiting = [w.due_at for w in self._all() if w.process is None]
        pause = min([longest, *(max(0.0, due - now) for due in waiting)])
        if select.select([self._wake_read], [], [], pause)[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
        return not self._stop_asked

    def run_until(self, done: Callable[[], bool], *, longest: float) -> bool:
        """Keep the children alive until `done` says so; say whether it did.

        `done` is asked several times a second and must answer quickly.
        """
        deadline = time.monotonic() + longest
        while not done():
            if time.monotonic() > deadline or not self.tick(0.1):
                return False
        return True

    def run_until_stopped(self) -> None:
        """Keep the children alive until a signal or `request_stop`."""
        while self.tick():
            pass

    def request_stop(self) -> None:
        """Make `tick` return False soon; may be called from any thread."""
        self._stop_asked = True
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_write, b"\0")

    @property
    def is_stopping(self) -> bool:
        """Say whether the end was asked for, by a signal or by `request_stop`."""
        return self._stop_asked

    def pids(self) -> dict[str, int]:
        """Return the process number of each server and child that is up, by name."""
        return {w.name: w.process.pid for w in self._all() if w.process is not None}

    def _all(self) -> list[_Watched]:
        return [*self._servers, *self._children]

    def _note_death(self, watched: _Watched, process: subprocess.Popen[bytes]) -> None:
        # What it may have started shares its group, and must not live on beside the
        # next one.
        processes.signal_group(process, signal.SIGKILL)
        if time.monotonic() - watched.started_at > _HEALTHY_SECONDS:
            watched.deaths = 0
        self._postpone(watched, killed=process.returncode == -signal.SIGKILL)
        wait = watched.due_at - time.monotonic()
        when = f"in {wait:.0f} s" if wait >= 1 else "now"
        # Of one that was ended from outside, the last line is about something else.
        path = watched.log_path if process.returncode > 0 else None
        last = processes.tail(path, lines=1) if path else ""
        self._say(
            f"{watched.name} ended ({_how(process.returncode)}); starting it again "
            f"{when}" + (f"; its last words: {last}" if last else "")
        )

    def _postpone(self, watched: _Watched, *, killed: bool) -> None:
        """Let a first death cost nothing, and a row of them ever more."""
        watched.process = None
        watched.deaths += 1
        beyond = watched.deaths - _DEATHS_BEFORE_BACK_OFF
        wait = 0.0 if beyond <= 0 else min(2.0**beyond, _LONGEST_BACK_OFF_SECONDS)
        if killed:
            wait = min(wait, _LONGEST_WAIT_AFTER_KILL_SECONDS)
        watched.due_at = time.monotonic() + wait

    # Ending.

    def stop(self) -> None:
        """End the children, then the servers; whatever is left then is killed."""
        self._starting, self._stop_asked = False, True
        self._home.inbox_url_path.unlink(missing_ok=True)
        self._end(self._children, grace=CHILDREN_GRACE_SECONDS)
        self._end(self._servers, grace=SERVERS_GRACE_SECONDS)

    def _end(self, group: list[_Watched], *, grace: float) -> None:
        """Ask all at once, so that together they take as long as the slowest."""
        deadline = time.monotonic() + grace
        alive = [w for w in group if w.process is not None]
        for watched in alive:
            if watched.process is not None and watched.process.poll() is None:
                watched.process.send_signal(watched.ask)
        for watched in alive:
            if watched.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    watched.process.wait(max(0.0, deadline - time.monotonic()))
                if watched.process.poll() is None:
                    self._say(f"{watched.name} did not end in time and is killed")
                processes.end(watched.process, ask=watched.ask, grace=0)
        group.clear()


def _how(returncode: int) -> str:
    """Say how a process ended, in words."""
    if returncode >= 0:
        return f"exit code {returncode}"
    return f"signal {signal.Signals(-returncode).name}"
