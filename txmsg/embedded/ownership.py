"""Who owns a data folder: one process at a time, which runs its services.

`up` owns for life. Another command owns while it runs when nobody else does, and uses
the owner's services when somebody does. Must not know what the commands do.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from txmsg.embedded.home import EmbeddedError, Home
from txmsg.embedded.servers import START_SECONDS, Server, start, stop

# Names the data folder whose owner is the process that started this one. Such a child
# uses the services and never starts any.
OWNED_BY_PARENT = "TXMSG_OWNED_BY_PARENT"
# How `up` signs the lock.
UP = "up"
_POLL_SECONDS = 0.05
_SAY_AFTER_SECONDS = 1.0


def child_environment(home: Home) -> dict[str, str]:
    """Return what an owner adds to the environment of its children."""
    return {"TXMSG_HOME": str(home.path), OWNED_BY_PARENT: str(home.path)}


def is_child_of_owner(home: Home) -> bool:
    """Say whether this process was started by the owner of `home`."""
    return os.environ.get(OWNED_BY_PARENT) == str(home.path)


def say(line: str) -> None:
    """Tell the operator why a command waits, where it does not mix with results."""
    print(f"txmsg: {line}", file=sys.stderr, flush=True)  # noqa: T201


class Lock:
    """A lock on a file that ends with the process, however the process ends."""

    def __init__(self, path: Path) -> None:
        """Open the file; nothing is locked yet."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Python closes it in children: a child must not keep a dead owner's lock.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._is_signed = False

    def take(self, *, shared: bool = False, wait: float = 0) -> bool:
        """Take the lock within `wait` seconds; say whether it is ours now."""
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        deadline = time.monotonic() + wait
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._descriptor, mode | fcntl.LOCK_NB)
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)

    def sign(self, role: str) -> None:
        """Write into the file, for people, which process has the lock."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{role} (process {os.getpid()})".encode(), 0)
        self._is_signed = True

    def holder(self) -> str:
        """Return who signed last, "" when nobody did or the signer has closed it.

        A signer that was killed still stands there: see `up_runs`.
        """
        return os.pread(self._descriptor, 200, 0).decode("utf-8", "replace")

    def give_back(self) -> None:
        """Unlock; the file stays, for another may be waiting on it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Take our signature away, unlock and close."""
        if self._is_signed:
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def up_runs(home: Home) -> bool:
    """Say whether `up` owns the folder now, whatever a dead one has left there."""
    if not home.lock_path.exists():
        return False
    lock = Lock(home.lock_path)
    try:
        # Shared, so that two who ask at once do not take each other for the owner.
        return not lock.take(shared=True) and lock.holder().startswith(UP)
    finally:
        lock.close()


def inbox_url(home: Home) -> str:
    """Return where the inbox of a running `up` takes mail, "" when none does.

    A killed `up` leaves the address of an inbox that listens no more.
    """
    url = home.inbox_url()
    return url if url and up_runs(home) else ""


@contextlib.contextmanager
def attached(
    home: Home, servers: Sequence[Server], *, wait: float = START_SECONDS
) -> Iterator[None]:
    """Have `servers` answer while the block runs.

    Starts and stops them when nobody owns the folder; stops only after the commands
    that joined meanwhile have ended. Raises EmbeddedError when an owner's services
    stay silent for `wait` seconds.
    """
    if not servers or is_child_of_owner(home):
        yield
        return
    with contextlib.ExitStack() as stack:
        own = Lock(home.lock_path)
        stack.callback(own.close)
        users = Lock(home.users_lock_path)
        stack.callback(users.close)
        if _become_owner_or_join(own, users, servers, wait=wait):
            own.sign(_own_name())
            home.inbox_url_path.unlink(missing_ok=True)
            for server in servers:
                process = start(server)
                stack.callback(_uninterrupted, _stopper(server, process))
            stack.callback(_wait_for_users, users)
        yield


def _own_name() -> str:
    """Return this command's name, for whoever has to wait for it."""
    program, *words = sys.argv or [""]
    is_ours = Path(program).name == "manage.py" and words
    return f"manage.py {words[0]}" if is_ours else "another command"


def _become_owner_or_join(
    own: Lock, users: Lock, servers: Sequence[Server], *, wait: float
) -> bool:
    """Return True as the owner, False once another owner's services answer."""
    deadline = time.monotonic() + wait
    while not own.take():
        # First the shared lock, then the look: an owner about to stop holds it alone,
        # and cannot begin to stop while we have it.
        if users.take(shared=True):
            if own.take():
                users.give_back()
                return True
            if all(server.answers() for server in servers):
                return False
            users.give_back()
        if time.monotonic() > deadline:
            message = (
                f"another process owns {servers[0].home.path}, but its "
                f"{' and '.join(s.name for s in servers)} did not answer within "
                f"{wait:.0f} s: look at its output, or end it and try again."
            )
            raise EmbeddedError(message)
        time.sleep(_POLL_SECONDS)
    return True


def _wait_for_users(users: Lock) -> None:
    """Wait until the commands that joined have ended."""
    if not users.take(wait=_SAY_AFTER_SECONDS):
        say("another command uses the services this one started; waiting for its end")
        while not users.take(wait=60):
            pass


def _stopper(server: Server, process: subprocess.Popen[bytes]) -> Callable[[], None]:
    return lambda: stop(server, process)


def _uninterrupted(action: Callable[[], None]) -> None:
    """Run `action` to its end, deaf to SIGTERM: it is what SIGTERM asks for."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        action()
    finally:
        signal.signal(signal.SIGTERM, before)
