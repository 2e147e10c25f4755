"""The shadow render: a message as it stands, rendered for past events of its type.

Each is rendered twice at the same frozen moment, with the candidate and with the
version that was published last. Nothing is sent. A run is worked off in chunks by
whoever claims it, a worker or the page that waits for it; whoever dies over a run is
relieved after half a minute. It must not know how a message is published.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.contrib.auth.models import AbstractBaseUser
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Count, Max, QuerySet
from django.db.models.functions import Now

from events import doorbell
from templates_app import past_events, snapshots, trials, versions
from templates_app.models import (
    Message,
    ShadowOutcome,
    ShadowResult,
    ShadowRun,
    ShadowStatus,
)
from templates_app.trials import Subject
from templates_app.versions import LoadedVersion

logger = logging.getLogger(__name__)

EVENTS = 500
VALID_SECONDS = 3600
_CHUNK = 25
_STALE_SECONDS = 30
_MAX_SECONDS = 600
_TOO_LONG = "It took longer than ten minutes."
# In a run's candidate, beside what makes a version: whose events it was tried on.
_TYPE = "event_type"


@dataclass(frozen=True, slots=True)
class Sides:
    """The two versions that a run compares."""

    candidate: LoadedVersion
    live: LoadedVersion | None


def start(message: Message, *, by: AbstractBaseUser | None = None) -> ShadowRun:
    """Ask for a run of a message as saved, and ring; raise RenderError.

    Earlier runs of the message are deleted. Its subjects are the last 500 events of its
    type that would take its channel; without any, its samples.
    """
    run = _create(message, by=by)
    doorbell.ring_authors_on_commit()
    return run


def run_now(message: Message, *, by: AbstractBaseUser | None = None) -> ShadowRun:
    """Do a whole run here and now, however long it takes; raise RenderError.

    It is not finished if another run of the message has replaced it meanwhile, or a
    fault of ours has stopped it: `problem` then says which.
    """
    run = _create(message, by=by, status=ShadowStatus.RUNNING)
    _go_on(run, seconds=_MAX_SECONDS)
    return run


def advance(seconds: float) -> bool:
    """Work on the oldest open run for about so long; return whether more is left."""
    run = _claim()
    if run is None:
        return False
    _go_on(run, seconds=seconds)
    return _open_runs().exists()


def current(message: Message) -> ShadowRun | None:
    """Return the run of a message as it stands now, finished or not; else None.

    One for other content, another event type, contract or live version says nothing
    any more, nor does one that is older than an hour. Raises RenderError.
    """
    run = message.shadow_runs.first()
    if run is None or run.content_hash != snapshots.content_hash(message):
        return None
    contract = message.event_type.contract if message.event_type else {}
    tried = (run.candidate.get(_TYPE), run.candidate["contract"], run.base_version_id)
    if tried != (message.event_type_id, contract, message.live_version_id):
        return None
    return run if age_of(run) < VALID_SECONDS else None


def stands(run: ShadowRun) -> bool:
    """Return whether a run was not replaced: only then its results are all there."""
    return ShadowRun.objects.filter(pk=run.pk).exists()


def is_finished(run: ShadowRun) -> bool:
    """Return whether a run has rendered everything."""
    return run.status == ShadowStatus.DONE


def newly_failing(run: ShadowRun) -> list[ShadowResult]:
    """Return what would fail with the candidate and did not with the live version."""
    return list(run.results.filter(outcome=ShadowOutcome.NEWLY_FAILING))


def counts(run: ShadowRun) -> dict[str, int]:
    """Return how many subjects had each outcome, those that none had included."""
    rows = run.results.order_by().values_list("outcome").annotate(Count("pk"))
    found = dict(rows)
    return {outcome: found.get(outcome, 0) for outcome in ShadowOutcome.values}


def seconds_taken(run: ShadowRun) -> float | None:
    """Return how long a finished run took from its request on."""
    if run.finished_at is None:
        return None
    return (run.finished_at - run.created_at).total_seconds()


def in_words(run: ShadowRun) -> str:
    """Return what came of a run, such as ``500 events: 497 unchanged, 3 changed``."""
    total = run.results.count()
    noun = "sample" if run.uses_samples else "event"
    names = {**dict(ShadowOutcome.choices)}
    if run.base_version_id is None:
        names[ShadowOutcome.CHANGED] = "Rendered"
    told = [
        f"{count} {str(names[outcome]).lower()}"
        for outcome, count in counts(run).items()
        if count
    ]
    took = seconds_taken(run)
    words = f"{total} {noun}{'' if total == 1 else 's'}: {', '.join(told) or 'none'}"
    return f"{words}; {took:.1f} s" if took is not None else words


def sizes(run: ShadowRun) -> dict[str, int | None]:
    """Return the largest size ``before`` and ``after``."""
    return run.results.aggregate(before=Max("size_before"), after=Max("size_after"))


def sides_of(run: ShadowRun) -> Sides:
    """Return the two versions of a run, ready to render.

    Kept by this process: a run is worked off in many short turns, and parsing a large
    message takes longer than rendering some.
    """
    return _sides(run.pk)


@lru_cache(maxsize=4)
def _sides(run_id: int) -> Sides:
    run = ShadowRun.objects.select_related("message").get(pk=run_id)
    candidate = snapshots.from_data(run.candidate, message=run.message)
    base = run.base_version_id
    return Sides(
        candidate=versions.from_row(candidate),
        live=versions.load(base) if base else None,
    )


def _create(
    message: Message,
    *,
    by: AbstractBaseUser | None,
    status: ShadowStatus = ShadowStatus.QUEUED,
) -> ShadowRun:
    candidate = snapshots.snapshot(message, number=snapshots.next_number(message))
    subjects = _past_events(message)
    uses_samples = not subjects
    if uses_samples:
        subjects = [key for key, _ in trials.samples_of(message)]
    with transaction.atomic():
        message.shadow_runs.all().delete()
        run = ShadowRun.objects.create(
            message=message,
            content_hash=candidate.content_hash,
            candidate={**snapshots.as_data(candidate), _TYPE: message.event_type_id},
            base_version=message.live_version,
            status=status,
            uses_samples=uses_samples,
            subjects=subjects,
            requested_by_id=by.pk if by else None,
            beat_at=Now() if status == ShadowStatus.RUNNING else None,
        )
    run.refresh_from_db()
    return run


def _past_events(message: Message) -> list[str]:
    if message.event_type is None:
        return []
    found = past_events.takers(message.event_type, message.channel, limit=EVENTS)
    return [str(event_id) for event_id in found]


def _open_runs() -> QuerySet[ShadowRun]:
    return ShadowRun.objects.filter(
        status__in=[ShadowStatus.QUEUED, ShadowStatus.RUNNING]
    )


def _claim() -> ShadowRun | None:
    """Take the oldest run that nobody works on; give one up that never ends."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, created_at < clock_timestamp() - make_interval(secs => %s)
            FROM templates_app_shadowrun
            WHERE status IN ('queued', 'running') AND (beat_at IS NULL
                OR beat_at < clock_timestamp() - make_interval(secs => %s))
            ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED
            """,
            [_MAX_SECONDS, _STALE_SECONDS],
        )
        row = cursor.fetchone()
        if row is None:
            return None
        runs = ShadowRun.objects.filter(pk=row[0])
        if row[1]:
            runs.update(
                status=ShadowStatus.STOPPED,
                problem=_TOO_LONG,
                finished_at=Now(),
                beat_at=None,
            )
            return None
        runs.update(status=ShadowStatus.RUNNING, beat_at=Now())
        return runs.select_related("message__event_type").get()


def _go_on(run: ShadowRun, *, seconds: float) -> None:
    """Render on, and let the run go when the time is up.

    One that was replaced meanwhile is left alone. A fault of ours stops it: whoever
    took it over would only meet the same.
    """
    try:
        _render_on(run, until=time.monotonic() + seconds)
    except ShadowRun.DoesNotExist:
        logger.info("shadow render %s was replaced", run.pk)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("shadow render %s failed", run.pk)
        run.problem = f"A fault of txmsg itself: {type(error).__name__}."
        ShadowRun.objects.filter(pk=run.pk).update(
            status=ShadowStatus.STOPPED,
            problem=run.problem,
            finished_at=Now(),
            beat_at=None,
        )


def _render_on(run: ShadowRun, *, until: float) -> None:
    sides = sides_of(run)
    while run.done < len(run.subjects):
        chunk = run.subjects[run.done : run.done + _CHUNK]
        results, tried = _results(run, chunk, sides, until=until)
        if not _write(run, results, done=run.done + tried):
            return
        if time.monotonic() > until:
            ShadowRun.objects.filter(pk=run.pk, done=run.done).update(beat_at=None)
            return
    if not run.subjects:
        _write(run, [], done=0)


def _results(
    run: ShadowRun, keys: Sequence[str], sides: Sides, *, until: float
) -> tuple[list[ShadowResult], int]:
    """Return the results of subjects that are still there, and how many were tried.

    At least one is tried; the rest is left when the time is up, for a single large
    message may take as long as many small ones.
    """
    subjects = trials.load(keys, run.message)
    results: list[ShadowResult] = []
    for tried, key in enumerate(keys):
        if tried and time.monotonic() > until:
            return results, tried
        if key in subjects:
            results.append(_compared(run, run.done + tried, subjects[key], sides))
    return results, len(keys)


def _compared(
    run: ShadowRun, position: int, subject: Subject, sides: Sides
) -> ShadowResult:
    after = trials.render(sides.candidate, subject)
    before = trials.render(sides.live, subject) if sides.live else None
    failed = (sides.candidate, after)
    if after.message is None:
        failed_before = before is not None and before.message is None
        outcome = (
            ShadowOutcome.STILL_FAILING
            if failed_before
            else ShadowOutcome.NEWLY_FAILING
        )
    elif before is None:
        outcome = ShadowOutcome.CHANGED
    elif before.message is None:
        outcome = ShadowOutcome.MENDED
        failed = (sides.live or sides.candidate, before)
    else:
        is_same = before.message.digest == after.message.digest
        outcome = ShadowOutcome.UNCHANGED if is_same else ShadowOutcome.CHANGED
    return ShadowResult(
        run=run,
        position=position,
        subject=subject.key,
        label=subject.label,
        outcome=outcome,
        error=trials.presentable(*failed, subject, _sensitive(run, sides)),
        size_before=before.size if before else None,
        size_after=after.size,
    )


def _sensitive(run: ShadowRun, sides: Sides) -> list[str]:
    event_type = run.message.event_type
    own = event_type.sensitive_paths if event_type else []
    return sorted({*own, *sides.candidate.sensitive_paths})


def _write(run: ShadowRun, results: list[ShadowResult], *, done: int) -> bool:
    """Write a chunk; return whether the run is still ours.

    It is not when a newer one has replaced it, or somebody took it over: that one
    comes to the same results.
    """
    is_last = done >= len(run.subjects)
    with transaction.atomic():
        stands = ShadowRun.objects.select_for_update(of=("self",)).filter(
            pk=run.pk, status=ShadowStatus.RUNNING, done=run.done
        )
        if stands.first() is None:
            return False
        ShadowResult.objects.bulk_create(results)
        ended = {"status": ShadowStatus.DONE, "finished_at": Now(), "beat_at": None}
        progress = ended if is_last else {"beat_at": Now()}
        ShadowRun.objects.filter(pk=run.pk).update(done=done, **progress)
    run.refresh_from_db(fields=["done", "status", "finished_at", "beat_at"])
    return True


def age_of(run: ShadowRun) -> float:
    """Return how many seconds ago a run was asked for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM clock_timestamp() - %s)::float8",
            [run.created_at],
        )
        return float(cursor.fetchone()[0])
