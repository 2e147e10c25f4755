"""The supervisor, with real processes that stand in for the product's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.test_embedded import PATIENCE, eventually, is_dead, line_of, run_script
from txmsg.embedded import EmbeddedError, Home, Lock, Valkey
from txmsg.supervisor import (
    ChildSpec,
    Installation,
    Supervisor,
    running,
    supervision,
)
from txmsg.supervisor.installation import child_specs

OWNER = """
import sys
from pathlib import Path
from txmsg.embedded import Home, Valkey
from txmsg.supervisor import ChildSpec, Supervisor, supervision
supervision.CHILDREN_GRACE_SECONDS = 0.3
stubborn = "import os, signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
home = Home(Path(sys.argv[1]))
with Supervisor(home, say=lambda line: None) as supervisor:
    supervisor.start_servers([Valkey(home)])
    supervisor.start_children([
        ChildSpec("gentle", ["sleep", "60"]),
        ChildSpec("stubborn", [sys.executable, "-c", stubborn]),
    ])
    print(*supervisor.pids().values(), flush=True)
    supervisor.run_until_stopped()
"""
OWNER_OF_A_SILENT_SERVER = """
import sys
from pathlib import Path
from txmsg.embedded import Home, Valkey
from txmsg.supervisor import Supervisor
class Silent(Valkey):
    def answers(self):
        print("asked", flush=True)
        return False
home = Home(Path(sys.argv[1]))
with Supervisor(home, say=lambda line: None) as supervisor:
    supervisor.start_servers([Silent(home)])
"""


@pytest.fixture
def home() -> Iterator[Home]:
    """Return a data folder that does not exist yet, its path short enough."""
    with tempfile.TemporaryDirectory(prefix="txmsg-") as folder:
        yield Home(Path(folder) / "home")


@pytest.fixture
def said() -> list[str]:
    """Return what the supervisor told the operator."""
    return []


@pytest.fixture
def supervisor(home: Home, said: list[str]) -> Iterator[Supervisor]:
    """Return a supervisor that owns `home`."""
    with Supervisor(home, say=said.append) as owner:
        yield owner


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_ends_all_of_them_with_exit_code_0(
    home: Home, which: signal.Signals
) -> None:
    owner = run_script(OWNER, home)
    pids = [int(pid) for pid in line_of(owner).split()]
    assert len(pids) == 3
    owner.send_signal(which)

    assert owner.wait(PATIENCE) == 0
    assert all(map(is_dead, pids))
    owner.communicate()


def test_a_stop_signal_during_start_up_ends_all_with_exit_code_0(home: Home) -> None:
    owner = run_script(OWNER_OF_A_SILENT_SERVER, home)
    assert line_of(owner) == "asked"
    owner.send_signal(signal.SIGTERM)
    owner.communicate(timeout=PATIENCE)

    assert owner.returncode == 0
    assert not Valkey(home).answers()


def test_kill_9_of_the_owner_leaves_nothing_and_the_next_one_starts(
    home: Home,
) -> None:
    for _ in range(2):
        owner = run_script(OWNER, home)
        pids = [int(pid) for pid in line_of(owner).split()]
        assert len(pids) == 3
        owner.kill()
        owner.communicate()
        assert all(eventually(partial(is_dead, pid)) for pid in pids)


def test_a_dead_child_and_a_dead_server_are_back_at_once(
    supervisor: Supervisor, home: Home, said: list[str]
) -> None:
    supervisor.start_servers([Valkey(home)])
    supervisor.start_children([ChildSpec("one", ["sleep", "60"])])
    before = supervisor.pids()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    def are_back() -> bool:
        now = supervisor.pids()
        return now.keys() == before.keys() and not now.items() & before.items()

    assert supervisor.run_until(are_back, longest=PATIENCE)
    assert supervisor.run_until(Valkey(home).answers, longest=PATIENCE)
    for name in ("one", "valkey"):
        assert f"{name} ended (signal SIGKILL); starting it again now" in said


def test_a_child_that_keeps_dying_is_started_ever_more_rarely(
    supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(reads=1000.0, monotonic=lambda: clock.reads)
    monkeypatch.setattr(supervision, "time", clock)
    supervisor.start_children([ChildSpec("broken", ["false"])])

    assert eventually(lambda: supervisor.tick(0.1) and len(said) == 4)
    assert said[2].endswith("exit code 1); starting it again now")
    assert said[3].endswith("exit code 1); starting it again in 2 s")
    clock.reads += 1.9
    supervisor.tick(0)
    assert supervisor.pids() == {}
    clock.reads += 0.2
    assert eventually(lambda: supervisor.tick(0.1) and len(said) == 5)
    assert said[4].endswith("exit code 1); starting it again in 4 s")


def test_a_child_that_cannot_be_started_does_not_stop_the_others(
    supervisor: Supervisor, said: list[str]
) -> None:
    supervisor.start_children(
        [ChildSpec("missing", ["no-such-program"]), ChildSpec("one", ["sleep", "60"])]
    )

    assert supervisor.pids().keys() == {"one"}
    assert said[0].startswith("missing cannot be started: ")


def test_a_passed_socket_outlives_the_child_that_serves_it(
    supervisor: Supervisor,
) -> None:
    script = (
        "import socket, sys; s = socket.socket(fileno=int(sys.argv[1]));"
        "c, _ = s.accept(); c.sendall(b'served')"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        supervisor.start_children(
            [
                ChildSpec(
                    "server",
                    [sys.executable, "-c", script, str(number)],
                    pass_fds=[number],
                )
            ]
        )
        for _ in range(2):
            with socket.create_connection(listener.getsockname()) as client:
                client.setblocking(False)

                def is_served(client: socket.socket = client) -> bool:
                    try:
                        return client.recv(10) == b"served"
                    except BlockingIOError:
                        return False

                assert supervisor.run_until(is_served, longest=PATIENCE)


def test_children_know_their_home_and_that_its_owner_started_them(
    supervisor: Supervisor, home: Home, tmp_path: Path
) -> None:
    out = tmp_path / "environment"
    supervisor.start_children([ChildSpec("one", ["sh", "-c", f"env > '{out}'"])])

    assert eventually(
        lambda: out.exists() and f"TXMSG_HOME={home.path}" in out.read_text()
    )
    assert f"TXMSG_OWNED_BY_PARENT={home.path}" in out.read_text()


def test_output_goes_to_a_file_of_each_child_when_asked_for(
    home: Home, said: list[str]
) -> None:
    with Supervisor(home, say=said.append, log_to_files=True) as owner:
        owner.start_children([ChildSpec("one", ["sh", "-c", "echo hello; exit 3"])])
        assert owner.run_until(lambda: bool(said), longest=PATIENCE)

    assert (home.log / "one.log").read_text().startswith("hello\n")
    assert said[0].endswith("its last words: hello")


@pytest.mark.parametrize("end", ["kill -9 $$", "exit 0"])
def test_words_before_an_end_that_was_no_error_are_not_repeated(
    home: Home, said: list[str], end: str
) -> None:
    """They are about something else."""
    with Supervisor(home, say=said.append, log_to_files=True) as owner:
        owner.start_children([ChildSpec("one", ["sh", "-c", f"echo hello; {end}"])])
        assert owner.run_until(lambda: bool(said), longest=PATIENCE)

    assert said[0].endswith("starting it again now")


def test_another_thread_may_ask_for_the_end(supervisor: Supervisor) -> None:
    threading.Timer(0.05, supervisor.request_stop).start()

    supervisor.run_until_stopped()


def test_a_second_owner_waits_and_says_for_whom(home: Home, said: list[str]) -> None:
    lock = Lock(home.lock_path)
    assert lock.take()
    lock.sign("up")

    def say(line: str) -> None:
        said.append(line)
        lock.close()

    with Supervisor(home, say=say):
        pass

    assert said[0].startswith("up (process ")


def test_signal_handlers_are_given_back(home: Home, said: list[str]) -> None:
    before = [signal.getsignal(which) for which in (signal.SIGTERM, signal.SIGINT)]
    with Supervisor(home, say=said.append):
        pass

    after = [signal.getsignal(which) for which in (signal.SIGTERM, signal.SIGINT)]
    assert before == after


def test_a_port_in_use_is_said_before_anything_starts(
    said: list[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(EmbeddedError, match=rf"port {port} on 127.0.0.1 is in use"),
            running(Installation(port=port), say=said.append),
        ):
            pytest.fail("started on a port in use")
    assert said == []


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_a_port_that_cannot_be_is_refused(said: list[str], port: int) -> None:
    with (
        pytest.raises(EmbeddedError, match="--port takes 1 to 65535"),
        running(Installation(port=port), say=said.append),
    ):
        pytest.fail("started")


def test_every_process_of_ours_is_named_in_its_command_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as inbox:
        specs = child_specs(Installation(workers=3), inbox=inbox)

    for spec in specs:
        assert spec.name in spec.argv
    commands = {spec.name: " ".join(spec.argv) for spec in specs}
    assert commands.keys() == {
        "txmsg-web",
        "txmsg-worker-1",
        "txmsg-worker-2",
        "txmsg-worker-3",
        "txmsg-sweeper",
        "txmsg-inbox",
    }
    assert commands["txmsg-worker-1"].endswith("--lanes critical")
    assert commands["txmsg-worker-2"].endswith("--lanes normal,bulk")


def test_up_refuses_fewer_workers_than_two() -> None:
    command = [sys.executable, "manage.py", "up", "--workers", "1"]
    root = Path(__file__).resolve().parent.parent
    answer = subprocess.run(command, cwd=root, capture_output=True, text=True)

    assert answer.returncode == 2
    assert "one worker serves the critical lane alone" in answer.stderr
