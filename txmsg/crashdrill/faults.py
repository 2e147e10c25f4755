"""Runs in which something breaks at random moments: processes, servers, connections."""

from __future__ import annotations

import signal
import time

from txmsg.crashdrill.installation import LEASE_SECONDS
from txmsg.crashdrill.report import Run
from txmsg.crashdrill.scene import (
    WAVE,
    Posting,
    Scene,
    every,
    judge,
    settle,
    timed,
)

# While Valkey does not answer, a request must not wait for it.
_HALF_OPEN_P95_SECONDS = 0.5


def kills(scene: Scene) -> Run:
    """Kill -9 any process of the product every 0.2 to 0.5 s while events come in."""
    installation, chance = scene.installation, scene.chance
    seconds = scene.size(8, 60)
    wishes = scene.wishes(scene.size(900, 6000), script="slow.40")
    with timed("random kill -9") as run:
        worker_kills = 0

        def strike() -> None:
            nonlocal worker_kills
            name = chance.choice([*installation.workers() * 2, *_OTHERS])
            if installation.kill(name):
                run.faults += 1
                worker_kills += name not in _OTHERS

        with scene.crew() as monitor:
            with Posting(scene, wishes, seconds, batch=5) as posting:
                every(lambda: chance.uniform(0.2, 0.5), strike, while_=posting.is_on)
            settle(scene, run)
        judge(scene, run, posting.events, monitor=monitor)
        touched = run.judgement.flagged + run.judgement.uncertain
        if touched > WAVE * worker_kills:
            run.problems.append(f"{touched} of unknown outcome, {worker_kills} kills")
    return run


def stops(scene: Scene) -> Run:
    """Freeze random workers for 1.5 times their lease, then let them go on."""
    installation, chance = scene.installation, scene.chance
    wishes = scene.wishes(scene.size(400, 3000), script="slow.40")
    frozen: dict[str, float] = {}

    def strike() -> None:
        now = time.monotonic()
        for name in [name for name, until in frozen.items() if until <= now]:
            installation.kill(name, signal.SIGCONT)
            del frozen[name]
        awake = [name for name in installation.workers() if name not in frozen]
        if len(awake) > 1:
            name = chance.choice(awake)
            run.faults += installation.kill(name, signal.SIGSTOP)
            frozen[name] = now + 1.5 * LEASE_SECONDS

    with timed("random SIGSTOP and CONT") as run:
        with scene.crew(lanes=("",) * 5) as monitor:
            with Posting(scene, wishes, scene.size(8, 60)) as posting:
                every(lambda: 0.4, strike, while_=posting.is_on)
            time.sleep(1.5 * LEASE_SECONDS)
            for name in frozen:
                installation.kill(name, signal.SIGCONT)
            settle(scene, run)
        judge(scene, run, posting.events, monitor=monitor)
    return run


def flushes(scene: Scene) -> Run:
    """Empty Valkey again and again: nobody has a second copy, nobody has none."""
    pause = scene.size(1, 2)
    with timed("FLUSHALL") as run:
        with scene.crew() as monitor:
            wishes = scene.wishes(scene.size(400, 2000), script="slow.2")
            with Posting(scene, wishes, scene.size(4, 30)) as posting:

                def flush() -> None:
                    scene.installation.ask_valkey("FLUSHALL")
                    run.faults += 1

                every(lambda: pause, flush, while_=posting.is_on)
            settle(scene, run)
        judge(scene, run, posting.events, monitor=monitor, calm=True)
    return run


def valkey_deaths(scene: Scene) -> Run:
    """Kill Valkey and start it again while events come in: each is accepted."""
    installation = scene.installation
    with timed("Valkey killed") as run:
        before = installation.client.answers.copy()
        with scene.crew() as monitor:
            wishes = scene.wishes(scene.size(300, 1500), script="slow.2")
            with Posting(scene, wishes, scene.size(4, 30)) as posting:

                def kill() -> None:
                    installation.kill_server(installation.valkey)
                    run.faults += 1

                every(lambda: 1.5, kill, while_=posting.is_on)
            settle(scene, run)
        judge(scene, run, posting.events, monitor=monitor, calm=True)
        other = installation.client.answers - before
        del other[202]
        if other:
            run.problems.append(f"not every POST was answered 202: {dict(other)}")
    return run


def valkey_half_open(scene: Scene) -> Run:
    """Let Valkey take connections and say nothing: posting does not wait for it."""
    installation = scene.installation
    with timed("Valkey half-open") as run:
        with scene.crew() as monitor:
            monitor.is_blind = True
            installation.tell_gate(valkey={"mode": "hold"})
            run.faults = 1
            events = installation.client.post(
                scene.wishes(scene.size(60, 300)), threads=2
            )
            waits = sorted(event.seconds for event in events)
            p95 = waits[int(len(waits) * 0.95)]
            run.notes.append(f"POST p95 {p95 * 1000:.0f} ms meanwhile")
            installation.tell_gate(valkey={"mode": "pass"})
            settle(scene, run)
        judge(scene, run, events, monitor=monitor, calm=True)
        if p95 > _HALF_OPEN_P95_SECONDS:
            run.problems.append(f"POST p95 is {p95:.2f} s while Valkey is half-open")
    return run


def postgres_deaths(scene: Scene) -> Run:
    """Kill PostgreSQL and start it again while events come in."""
    installation = scene.installation
    with timed("PostgreSQL killed") as run:
        with scene.crew() as monitor:
            wishes = scene.wishes(scene.size(300, 1500), script="slow.40")
            with Posting(scene, wishes, scene.size(5, 40)) as posting:

                def kill() -> None:
                    installation.kill_server(installation.postgres)
                    run.faults += 1

                every(lambda: 2.0, kill, while_=posting.is_on)
            settle(scene, run)
        judge(scene, run, posting.events, monitor=monitor)
    return run


def lost_commits(scene: Scene) -> Run:
    """Cut connections instead of answering a commit, for callers and workers alike."""
    installation = scene.installation
    with timed("COMMIT answers lost") as run:
        with scene.crew() as monitor:
            cut = installation.tell_gate(postgres={"cut": 0.1})["postgres"]
            singly = Posting(
                scene, scene.wishes(scene.size(200, 2000)), scene.size(4, 30)
            )
            in_batches = Posting(
                scene, scene.wishes(scene.size(200, 2000)), scene.size(4, 30), batch=5
            )
            with singly, in_batches:
                pass
            settle(scene, run)
            run.faults = installation.tell_gate(postgres={})["postgres"] - cut
        judge(scene, run, singly.events + in_batches.events, monitor=monitor)
        if installation.events() != len(installation.client.accepted):
            run.problems.append(
                f"{installation.events()} events exist, "
                f"{len(installation.client.accepted)} were posted"
            )
    return run


def rolling_restarts(scene: Scene) -> Run:
    """Restart the workers one by one by SIGTERM: nobody has a second copy."""
    installation = scene.installation
    slowest = 0.0

    def restart() -> None:
        nonlocal slowest
        name = installation.workers()[run.faults % len(installation.workers())]
        child = installation.children[name]
        began = time.monotonic()
        child.signal(signal.SIGTERM)
        run.faults += 1
        if not installation.wait(lambda: not child.is_alive(), seconds=10):
            run.problems.append(f"{name} did not end within 10 s of SIGTERM")
        slowest = max(slowest, time.monotonic() - began)

    with timed("rolling SIGTERM") as run:
        with scene.crew() as monitor:
            wishes = scene.wishes(scene.size(500, 2000), script="slow.5")
            with Posting(scene, wishes, scene.size(5, 30)) as posting:
                every(lambda: 0.3, restart, while_=posting.is_on)
            settle(scene, run)
        run.notes.append(f"the slowest end took {slowest:.1f} s")
        judge(scene, run, posting.events, monitor=monitor, calm=True)
    return run


_OTHERS = ("txmsg-sweeper", "txmsg-web")
