"""The embedded servers, with real processes and real folders."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import environ
import psycopg
import pytest

from txmsg.embedded import (
    UP,
    EmbeddedError,
    Home,
    Lock,
    Postgres,
    Valkey,
    attached,
    inbox_url,
    processes,
    start,
    stop,
    up_runs,
)

ROOT = Path(__file__).resolve().parent.parent
# Seconds for what does come to pass, on a machine however loaded.
PATIENCE = 60.0
OWNER = """
import sys, time
from pathlib import Path
from txmsg.embedded import Home, Postgres, Valkey, start
home = Home(Path(sys.argv[1]))
for server in (Postgres(home, durable=False), Valkey(home)):
    print(start(server).pid, flush=True)
sys.stdin.read()
"""
COMMAND = """
import sys
from pathlib import Path
from txmsg.embedded import Home, Valkey, attached
home = Home(Path(sys.argv[1]))
with attached(home, [Valkey(home)]):
    print("attached", flush=True)
    sys.stdin.readline()
    print(Valkey(home).answers(), flush=True)
"""


def eventually(is_so: Callable[[], bool], *, within: float = PATIENCE) -> bool:
    """Ask until the answer is yes; say whether it came in time."""
    deadline = time.monotonic() + within
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_dead(pid: int) -> bool:
    """Say whether a process has ended, be it that nobody has fetched its end yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def run_script(script: str, home: Home) -> subprocess.Popen[str]:
    """Start a Python script with a data folder as its argument."""
    return subprocess.Popen(
        [sys.executable, "-c", script, str(home.path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line that a script prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def write_line(process: subprocess.Popen[str]) -> None:
    """Let a script that waits for a line go on."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.fixture
def home() -> Iterator[Home]:
    """Return a data folder that does not exist yet, its path short enough."""
    with tempfile.TemporaryDirectory(prefix="txmsg-") as folder:
        yield Home(Path(folder) / "a home")


@pytest.fixture
def valkey(home: Home) -> Iterator[Valkey]:
    """Return a running Valkey."""
    server = Valkey(home)
    process = start(server)
    yield server
    stop(server, process)


def test_home_touches_nothing_until_it_is_made(home: Home) -> None:
    assert home.inbox_url() == ""
    assert inbox_url(home) == ""
    assert home.redis_url.startswith("unix:///")
    assert not home.path.exists()

    home.make()

    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_database_url_is_understood_by_environ_and_libpq(home: Home) -> None:
    config = environ.Env.db_url_config(home.database_url)

    assert config["OPTIONS"] == {"host": str(home.sockets)}
    assert (config["USER"], config["NAME"], config["PORT"]) == ("txmsg", "txmsg", 5432)
    parsed = psycopg.conninfo.conninfo_to_dict(home.database_url)
    assert parsed["host"] == str(home.sockets)


def test_secret_key_is_one_and_private_when_made_by_many_at_once(home: Home) -> None:
    keys: list[str] = []
    makers = [
        threading.Thread(target=lambda: keys.append(home.secret_key()))
        for _ in range(8)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()

    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert len(keys[0]) >= 50
    kept = home.path / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert sorted(p.name for p in home.path.glob("secret_key*")) == ["secret_key"]


def test_a_long_path_gets_a_short_private_socket_folder(tmp_path: Path) -> None:
    home = Home(tmp_path / ("long" * 20))
    server = Valkey(home)
    process = start(server)
    try:
        assert home.sockets == Home(home.path).sockets
        assert home.sockets.is_relative_to("/tmp")
        assert stat.S_IMODE(home.sockets.stat().st_mode) == 0o700
        assert server.answers()
    finally:
        stop(server, process)
        shutil.rmtree(home.sockets)


def test_a_socket_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / ("open" * 20))
    home.sockets.mkdir(mode=0o755)
    try:
        with pytest.raises(EmbeddedError, match="not a private folder"):
            home.make()
    finally:
        home.sockets.rmdir()


def test_servers_of_two_homes_run_side_by_side(valkey: Valkey) -> None:
    other = Valkey(Home(valkey.home.path.with_name("another")))
    process = start(other)
    stop(other, process)

    assert not other.answers()
    assert valkey.answers()


def test_kill_9_of_the_owner_leaves_nothing_and_the_data_is_there(home: Home) -> None:
    owner = run_script(OWNER, home)
    pids = [int(line_of(owner)) for _ in range(2)]
    with psycopg.connect(home.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    owner.kill()
    owner.wait()
    assert all(eventually(partial(is_dead, pid)) for pid in pids)

    # As if the machine had died, and the number were another process' by now.
    (home.path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    server = Postgres(home, durable=False)
    process = start(server)
    try:
        with psycopg.connect(home.database_url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        stop(server, process)


def test_postgres_left_without_an_owner_is_ended_by_the_next_start(home: Home) -> None:
    server = Postgres(home, durable=False)
    first = start(server)

    second = start(server)

    assert first.wait(PATIENCE) == 0
    assert server.answers()
    stop(server, second)


def test_a_process_that_only_looks_alike_is_never_ended(valkey: Valkey) -> None:
    other = Valkey(Home(valkey.home.path.with_name("another")))
    ended = processes.sweep(other.is_own, ask=signal.SIGTERM, grace=1)

    assert ended == 0
    assert valkey.answers()


def test_a_server_that_cannot_start_says_why(home: Home) -> None:
    home.make()
    (home.path / "valkey").mkdir(mode=0o700)
    (home.path / "valkey" / "appendonlydir").write_text("not a folder")

    with pytest.raises(EmbeddedError, match=r"valkey does not start: .*appendonly"):
        start(Valkey(home))


def test_a_command_starts_and_stops_what_it_needs(home: Home) -> None:
    server = Valkey(home)
    with attached(home, [server]):
        assert server.answers()

    assert not server.answers()


def test_a_second_command_shares_and_the_first_waits_for_its_end(home: Home) -> None:
    first, second = run_script(COMMAND, home), None
    try:
        assert line_of(first) == "attached"
        second = run_script(COMMAND, home)
        assert line_of(second) == "attached"

        write_line(first)
        assert line_of(first) == "True"
        with pytest.raises(subprocess.TimeoutExpired):
            first.wait(0.3)

        write_line(second)
        assert line_of(second) == "True"
        assert second.wait(PATIENCE) == 0
        assert first.wait(PATIENCE) == 0
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.communicate()
    assert not Valkey(home).answers()


def test_a_silent_owner_is_an_error_after_the_wait(home: Home) -> None:
    lock = Lock(home.lock_path)
    assert lock.take()
    try:
        with (
            pytest.raises(EmbeddedError, match=r"valkey did not answer within 0 s"),
            attached(home, [Valkey(home)], wait=0.2),
        ):
            pytest.fail("nothing answers")
    finally:
        lock.close()


def test_a_child_of_the_owner_starts_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TXMSG_OWNED_BY_PARENT", str(home.path))

    with attached(home, [Valkey(home)]):
        assert not home.path.exists()


def test_the_inbox_of_up_is_believed_as_long_as_up_has_the_folder(home: Home) -> None:
    home.make()
    home.inbox_url_path.write_text("smtp://127.0.0.1:1\n")
    lock = Lock(home.lock_path)
    assert lock.take()

    lock.sign("manage.py doctor")
    assert (up_runs(home), inbox_url(home)) == (False, "")
    lock.sign(UP)
    assert (up_runs(home), inbox_url(home)) == (True, "smtp://127.0.0.1:1")

    # As a kill leaves it: the lock is free, its signature still there.
    lock.give_back()
    assert lock.holder().startswith("up (process ")
    assert (up_runs(home), inbox_url(home)) == (False, "")


def test_a_command_that_owns_the_folder_leaves_nothing_of_itself_or_a_dead_up(
    home: Home,
) -> None:
    home.make()
    home.lock_path.write_text("up (process 1)")
    home.inbox_url_path.write_text("smtp://127.0.0.1:1\n")

    with attached(home, [Valkey(home)]):
        assert home.lock_path.read_text().endswith(f"(process {os.getpid()})")
        assert not home.inbox_url_path.exists()

    assert home.lock_path.read_text() == ""
