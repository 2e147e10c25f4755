"""Runs in which the load itself is the trouble: poison, floods, cancels, expiry."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from events.models import Stage
from history import cancelling, retrying
from templates_app.models import UnknownOutcome
from txmsg.crashdrill import content
from txmsg.crashdrill.client import Wish, ids
from txmsg.crashdrill.report import Run
from txmsg.crashdrill.scene import Posting, Scene, judge, settle, timed

_CRITICAL_SECONDS = 5.0
_CRITICAL_P95_SECONDS = 2.0
_DRAINERS = 8
_MUST_ARRIVE = content.type_of(UnknownOutcome.MUST_ARRIVE)


def decisions(scene: Scene) -> Run:
    """Let an operator decide on what is held: sent again, ended, or left to expire."""
    installation = scene.installation
    with timed("decisions on held ones") as run, scene.crew() as monitor:
        held = _held(scene)
        for number, row in enumerate(held):
            (retrying.send_held if number % 2 else retrying.end_held)(row)
        connection.close()
        settle(scene, run, seconds=30)
        run.faults = len(held)
        chosen = {str(row)[:-2] for row in held}
        events = [e for e in installation.client.accepted if str(e.id)[:-2] in chosen]
        judge(scene, run, events, monitor=monitor)
        if _held(scene):
            run.problems.append(f"{len(_held(scene))} are still held")
        rows = scene.oracle.rows_of({str(e.id): e for e in events})
        ends = {row.id: row.status for group in rows.values() for row in group}
        for number, identifier in enumerate(held):
            wanted = "sent" if number % 2 else "uncertain"
            if ends.get(str(identifier)) != wanted:
                run.problems.append(
                    f"{identifier} is {ends.get(str(identifier))}, not {wanted}"
                )
    return run


def _held(scene: Scene) -> list[UUID]:
    rows = scene.installation.query(
        "SELECT id FROM events_work WHERE stage = %s ORDER BY id", [Stage.HELD.value]
    )
    return [row[0] for row in rows]


def expiry(scene: Scene) -> Run:
    """Greylist mails, and lose the answers to others, until their time is over."""
    count = scene.size(20, 200)
    soon = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    greylisted = [
        Wish(content.CRITICAL, script="tempfail.450+0", expires_at=soon)
        for _ in range(count)
    ]
    lost = [Wish(content.CRITICAL, script="lost.0+9", expires_at=soon)] * 2
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    scheduled = [Wish(content.CRITICAL, scheduled_at=later)] * 5
    with timed("expiry under greylisting") as run:
        with scene.crew() as monitor:
            posted = scene.installation.client.post(greylisted + lost + scheduled)
            settle(scene, run, seconds=30)
        judge(scene, run, posted, monitor=monitor)
        rows = scene.oracle.rows_of({str(e.id): e for e in posted})
        for event in posted:
            wanted = _late_end(event.wish)
            found = [row.status for row in rows[str(event.id)]]
            if found != [wanted]:
                run.problems.append(f"{event.wish.script}: {found}, not {wanted}")
    return run


def _late_end(wish: Wish) -> str:
    """Return how one ends that nobody could send in time."""
    if wish.scheduled_at:
        return Stage.PENDING.value
    return "uncertain" if wish.script.startswith("lost") else "expired"


def poison(scene: Scene) -> Run:
    """Mix in messages that cannot be rendered, and one whose rendering kills."""
    installation = scene.installation
    count = scene.size(200, 1000)
    wishes = [Wish(_MUST_ARRIVE) for _ in range(count)]
    for number in range(0, count, 20):
        wishes[number] = Wish(_MUST_ARRIVE, ctx={"divisor": 0})
    with timed("poison") as run:
        posted = installation.client.post(wishes, batch=50)
        killers = [
            event.delivery for event in posted[7 : 7 + scene.size(1, 3) * 50 : 50]
        ]
        rule = {"point": "P3", "action": "kill", "keys": killers}
        installation.arm([{**rule, "again": True, "times": 100}])
        with scene.crew() as monitor:
            settle(scene, run, seconds=90)
        run.faults = len(installation.strikes())
        installation.disarm()
        judge(scene, run, posted, monitor=monitor)
        rows = scene.oracle.rows_of({str(e.id): e for e in posted})
        for event in posted:
            wanted = _poisoned_end(event.delivery in killers, event.wish)
            found = [(row.status, row.reason) for row in rows[str(event.id)]]
            if found != [wanted]:
                run.problems.append(f"{event.id}: {found}, not {wanted}")
        # Halved down from a full batch in each worker's hands, then three alone.
        if run.faults > len(killers) * 20:
            run.problems.append(f"{len(killers)} messages killed {run.faults} times")
    return run


def _poisoned_end(is_killer: bool, wish: Wish) -> tuple[str, str]:
    if is_killer:
        return "failed", "crash"
    return ("failed", "render_error") if wish.ctx else ("sent", "")


def flood(scene: Scene) -> Run:
    """Post critical events while a flood of bulk is drained: they do not wait."""
    installation = scene.installation
    with timed("flood against critical") as run:
        bulk = installation.client.post(
            [Wish(content.BULK)] * scene.size(2000, 20_000), batch=100
        )
        with scene.crew(lanes=("critical", "normal,bulk", "normal,bulk")) as monitor:
            before = len(installation.copies())
            installation.wait(lambda: len(installation.copies()) > before, seconds=30)
            critical = installation.client.post(
                [Wish(content.CRITICAL)] * 50, threads=2
            )
            settle(scene, run, seconds=scene.size(60, 300))
        judge(scene, run, [*bulk, *critical], monitor=monitor, calm=True)
        first = {copy["delivery"]: copy["at"] for copy in installation.copies()[::-1]}
        waits = sorted(
            first.get(event.delivery, float("inf")) - event.answered_at
            for event in critical
        )
        p95 = waits[int(len(waits) * 0.95)]
        run.notes.append(
            f"critical: p95 {p95 * 1000:.0f} ms, longest {waits[-1] * 1000:.0f} ms"
        )
        if waits[-1] > _CRITICAL_SECONDS or p95 > _CRITICAL_P95_SECONDS:
            run.judgement.breach("I11", f"p95 {p95:.1f} s, longest {waits[-1]:.1f} s")
    return run


def publishing_meanwhile(scene: Scene) -> Run:
    """Publish, pause and resume while messages leave: each is of one version."""
    installation = scene.installation
    wishes = [Wish(content.PUBLISHED, script="slow.5")] * scene.size(400, 2000)
    with timed("publish, pause, resume") as run:
        with scene.crew() as monitor:
            with Posting(scene, wishes, scene.size(4, 20)) as posting:
                time.sleep(scene.size(4, 20) / 3)
                content.publish_again(content.PUBLISHED, 2)
                time.sleep(scene.size(4, 20) / 3)
                content.pause(content.PUBLISHED)
                time.sleep(0.5)
                content.resume(content.PUBLISHED)
                connection.close()
                run.faults = 3
            settle(scene, run)
        judge(scene, run, posting.events, monitor=monitor, calm=True)
        mine = set(ids(posting.events))
        texts = [c["content"] for c in installation.copies() if c["delivery"] in mine]
        marks = {mark: sum(mark in text for text in texts) for mark in _MARKS}
        run.notes.append(f"{marks}")
        if not all(marks.values()) or sum(marks.values()) != len(texts):
            run.judgement.breach("I6", f"of {len(texts)} mails: {marks}")
    return run


_MARKS = ("mark1", "mark2")


def cancels(scene: Scene) -> Run:
    """Cancel half of the events while they are sent: no copy of one that was ended."""
    installation = scene.installation
    with timed("cancel during sending") as run:
        posted = installation.client.post(
            [Wish(_MUST_ARRIVE, script="slow.5")] * scene.size(300, 1500), batch=50
        )
        with scene.crew() as monitor:
            for event in posted[::-2]:
                if event.id is not None:
                    run.faults += cancelling.cancel(event.id).cancelled
            connection.close()
            settle(scene, run)
        judge(scene, run, posted, monitor=monitor)
        found = run.judgement
        if found.statuses["cancelled"] != run.faults or found.flagged:
            run.problems.append(f"{run.faults} cancelled, found {found.statuses}")
    return run


def drainers(scene: Scene) -> Run:
    """Let eight drainers at one queue at once: nobody has a second copy."""
    installation = scene.installation
    with timed("8 drainers at once") as run:
        posted = installation.client.post(
            scene.wishes(scene.size(4000, 20_000)), batch=100
        )
        began = time.monotonic()
        crew = [
            installation.nursery.start(
                f"drainer-{number}",
                "command",
                installation.log_path(f"txmsg-drainer-{number}"),
                command="drain",
            )
            for number in range(_DRAINERS)
        ]
        if not installation.wait(
            lambda: not any(child.is_alive() for child in crew), seconds=300
        ):
            run.problems.append("the drainers did not end")
        rate = len(posted) / (time.monotonic() - began)
        run.notes.append(f"{rate:.0f} a second")
        judge(scene, run, posted, calm=True)
    return run
