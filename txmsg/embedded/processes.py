"""Child processes that cannot outlive their owner, and finding those that did.

Must not know which programs they are.
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import os
import pwd
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from txmsg.embedded.home import EmbeddedError, users

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_NEWUSER = 0x10000000
_ROTATE_BYTES = 5_000_000

# Loaded here: a child between fork and exec must not load libraries.
_libc = ctypes.CDLL(None, use_errno=True)


class RunAs(enum.Enum):
    """Whom a server runs as: PostgreSQL refuses root, and a user without a name."""

    SELF = "self"
    NAMESPACE = "ourselves outside, the user nobody inside a user namespace"
    NOBODY = "nobody"
    NOBODY_REACHING = "nobody, with root's way into closed folders"


def die_with_parent(death_signal: signal.Signals, *, parent: int) -> None:
    """Have the kernel send `death_signal` to this process when `parent` dies.

    Linux only; elsewhere the next owner finds and ends what was left.
    """
    if not sys.platform.startswith("linux"):
        return
    _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # the parent died before the kernel was asked


def become(run_as: RunAs) -> None:
    """Change into whom `run_as` names; for a child between fork and exec.

    Raises OSError where the machine refuses.
    """
    if run_as is RunAs.NAMESPACE:
        uid, gid = os.geteuid(), os.getegid()
        # A user that exists: initdb looks for the name.
        inside = pwd.getpwnam("nobody")
        if _libc.unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "user namespaces are refused")
        for name, line in (
            ("setgroups", "deny"),
            ("uid_map", f"{inside.pw_uid} {uid} 1"),
            ("gid_map", f"{inside.pw_gid} {gid} 1"),
        ):
            Path("/proc/self", name).write_text(line, encoding="ascii")
    elif run_as is RunAs.NOBODY:
        _become_nobody()
    elif run_as is RunAs.NOBODY_REACHING:
        _libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
        _become_nobody()
        _keep_only(_CAP_DAC_OVERRIDE)


def _become_nobody() -> None:
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def _keep_only(capability: int) -> None:
    """Give up every capability but one, and keep that one across exec."""
    bit = 1 << capability
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Effective, permitted, inheritable; first for capabilities 0–31, then 32–63.
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    refused = _libc.capset(header, sets) or _libc.prctl(
        _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0
    )
    if refused:
        raise OSError(ctypes.get_errno(), "capabilities cannot be kept")


def spawn(
    argv: Sequence[str],
    *,
    death_signal: signal.Signals,
    output: int | None = None,
    run_as: RunAs = RunAs.SELF,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own that dies with this process.

    `output` is a descriptor for both its output streams. Main thread only: the kernel
    takes the end of the thread that forked for the end of the parent.
    """
    if threading.current_thread() is not threading.main_thread():
        message = "children must be started from the main thread"
        raise RuntimeError(message)
    owner = os.getpid()

    def prepare() -> None:
        become(run_as)
        # After any change of user, which clears it.
        die_with_parent(death_signal, parent=owner)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    return subprocess.Popen(  # noqa: S603 - our own programs
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        env=None if env is None else dict(env),
        pass_fds=tuple(pass_fds),
        cwd=cwd,
        start_new_session=True,
        preexec_fn=prepare,
    )


def signal_group(process: subprocess.Popen[bytes], which: signal.Signals) -> None:
    """Send a signal to a child and whatever shares its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, which)


def end(process: subprocess.Popen[bytes], *, ask: signal.Signals, grace: float) -> None:
    """Ask a child to end, and kill its process group `grace` seconds later."""
    if process.poll() is None:
        process.send_signal(ask)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    signal_group(process, signal.SIGKILL)
    process.wait()


def open_log(path: Path) -> int:
    """Return a descriptor that appends to a log; a large one starts anew (.1 kept)."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > _ROTATE_BYTES:
            path.replace(path.with_suffix(path.suffix + ".1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def tail(path: Path, *, lines: int = 3) -> str:
    """Return the last lines of a log, "" when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4000))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return " | ".join(text.splitlines()[-lines:])


def sweep(
    matches: Callable[[list[str]], bool], *, ask: signal.Signals, grace: float
) -> int:
    """End every process of ours whose command line matches; return how many.

    Found by command line, never by a recorded number: that may be another's by now.
    """
    left = _matching(matches)
    found = len(left)
    for which, patience in ((ask, grace), (signal.SIGKILL, 5.0)):
        for pid in left:
            _signal_if(pid, matches, which)
        deadline = time.monotonic() + patience
        while (left := _matching(matches)) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not left:
            return found
    message = f"process {left[0]} of an earlier run cannot be ended."
    raise EmbeddedError(message)


def _matching(matches: Callable[[list[str]], bool]) -> list[int]:
    return [pid for pid, command in _processes() if matches(command)]


def _signal_if(
    pid: int, matches: Callable[[list[str]], bool], which: signal.Signals
) -> None:
    """Signal a process that still has the command line it was found by."""
    if not hasattr(os, "pidfd_open"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, which)
        return
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            if matches(_command(pid)):
                signal.pidfd_send_signal(handle, which)
        finally:
            os.close(handle)


def _processes() -> Iterator[tuple[int, list[str]]]:
    """Yield number and command line of the processes that this user may have left."""
    if not Path("/proc/self/cmdline").exists():
        yield from _processes_by_ps()
        return
    ours = users()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or entry.name == str(os.getpid()):
            continue
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if entry.stat().st_uid in ours:
                yield int(entry.name), _command(int(entry.name))


def _command(pid: int) -> list[str]:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return [""]
    return [os.fsdecode(part) for part in raw.rstrip(b"\0").split(b"\0")]


def _processes_by_ps() -> Iterator[tuple[int, list[str]]]:
    listing = subprocess.run(
        ["/bin/ps", "-xww", "-o", "pid=,command="],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in listing.splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command.split(" ")


def wait_for(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait at most `seconds`, less when the child ends meanwhile."""
    if not hasattr(os, "pidfd_open"):
        time.sleep(seconds)
        return
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(process.pid)
        try:
            select.select([handle], [], [], seconds)
        finally:
            os.close(handle)
