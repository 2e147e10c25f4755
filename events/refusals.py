"""Refused requests, kept for those who integrate: the newest of each source, masked.

An answer is never late for it, and never fails by it: a request is noted in memory,
and a thread of the web process writes what was noted once a second. Under a flood a
part is kept and all are counted. What the last second noted is lost with the process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone

from events import body_masking, pressure, problems
from events.api_keys import Caller
from events.body_masking import MAX_BYTES, MaskedBody
from events.models import EventType, RefusalCount, RefusedRequest, Source
from events.problems import Refused

logger = logging.getLogger(__name__)

KEPT = 200
"""Requests that are kept of each source."""
KEPT_DAYS = 90
"""Days for which refusals are counted."""
WRITE_SECONDS = 1.0
# Of each source and code so many at once, then one in so many seconds: a caller that
# repeats one mistake for hours does not push out the others.
AT_ONCE = 20
ONE_IN_SECONDS = 3.0
_MOST_WAITING = 100
_MOST_WAITING_BYTES = 8 * 1024 * 1024
_MOST_BUCKETS = 10_000
_MOST_ERRORS = 50
_MOST_TYPES = 10_000
# What a refusal adds of its own is kept if it tells nothing about a person.
_EXTRAS = frozenset(["near", "event_id"])
_PARTLY = 207
_COUNT_UP = """
    INSERT INTO events_refusalcount AS kept (day, source_id, code, count)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (day, source_id, code) DO UPDATE SET count = kept.count + excluded.count
"""
_KEEP_NEWEST = """
    DELETE FROM events_refusedrequest WHERE source_id = %(source)s AND id < (
        SELECT id FROM events_refusedrequest WHERE source_id = %(source)s
        ORDER BY id DESC OFFSET %(last)s LIMIT 1
    )
"""


@dataclass(frozen=True, slots=True)
class _Noted:
    """A refused request as it waits to be written."""

    caller: Caller
    at: datetime
    path: str
    request_id: str
    refused: Refused
    raw: bytes | None


@dataclass(slots=True)
class _Bucket:
    """How many of a source and code may still be kept."""

    tokens: float
    at: float


_lock = threading.Lock()
_wake = threading.Event()
_waiting: list[_Noted] = []
_counts: Counter[tuple[date, int | None, str]] = Counter()
_buckets: dict[tuple[int, str], _Bucket] = {}
_writer: threading.Thread | None = None
_pruned_on: date | None = None


def begin_writing() -> None:
    """Have a thread write what is noted, from now on; for a process that answers."""
    global _writer
    with _lock:
        if _writer is None or not _writer.is_alive():
            _writer = threading.Thread(
                target=_write_always, name="refusals", daemon=True
            )
            _writer.start()


def note(request: HttpRequest, refused: Refused, caller: Caller | None) -> None:
    """Remember a refused POST; never fails.

    A 4xx, or a batch that was taken in part (207). Without a known caller a 401 is
    counted, and nothing kept.
    """
    is_ours = 400 <= refused.status < 500 or refused.status == _PARTLY
    if request.method != "POST" or not is_ours:
        return
    try:
        if caller is not None:
            _note(request, refused, caller)
        elif refused.status == 401:
            _count(None, refused.code)
    except Exception:
        logger.exception("a refused request could not be noted")
    if _writer is not None:
        if not _writer.is_alive():  # A forked process has the memory, not the thread.
            begin_writing()
        _wake.set()


def _note(request: HttpRequest, refused: Refused, caller: Caller) -> None:
    _count(caller.source_id, refused.code)
    raw: bytes | None = getattr(request, "txmsg_raw", None)
    noted = _Noted(
        caller,
        timezone.now(),
        request.path,
        problems.request_id(request),
        refused,
        raw,
    )
    with _lock:
        held = sum(len(one.raw or b"") for one in _waiting) + len(raw or b"")
        if (
            len(_waiting) < _MOST_WAITING
            and held <= _MOST_WAITING_BYTES
            and _may_be_kept(caller.source_id, refused.code)
        ):
            _waiting.append(noted)


def _count(source_id: int | None, code: str) -> None:
    with _lock:
        _counts[timezone.localdate(), source_id, code] += 1


def _may_be_kept(source_id: int, code: str) -> bool:
    now = time.monotonic()
    if len(_buckets) >= _MOST_BUCKETS:
        _buckets.clear()
    bucket = _buckets.setdefault((source_id, code), _Bucket(AT_ONCE, now))
    grown = bucket.tokens + (now - bucket.at) / ONE_IN_SECONDS
    bucket.tokens, bucket.at = min(float(AT_ONCE), grown), now
    if bucket.tokens < 1:
        return False
    bucket.tokens -= 1
    return True


def write() -> None:
    """Write what was noted, and keep the newest of each source.

    Nothing is kept while the disk is nearly full, and nothing of a source that is
    gone. Errors are the database's; what was noted is lost then.
    """
    with _lock:
        noted, counts = list(_waiting), dict(_counts)
        _waiting.clear()
        _counts.clear()
    if not counts or pressure.is_storage_low():
        return
    types = _type_names() if noted else set()
    rows = [_row(one, types) for one in noted]
    with transaction.atomic(), connection.cursor() as cursor:
        named = {source for _, source, _ in counts}
        known = set(
            Source.objects.filter(pk__in=named - {None}).values_list("pk", flat=True)
        )
        kept = [row for row in rows if row.source_id in known]
        RefusedRequest.objects.bulk_create(kept)
        for source_id in sorted({row.source_id for row in kept}):
            cursor.execute(_KEEP_NEWEST, {"source": source_id, "last": KEPT - 1})
        # In one order, or two processes that count the same could wait for each other.
        cursor.executemany(
            _COUNT_UP,
            [
                (day, source, code, count)
                for (day, source, code), count in sorted(
                    counts.items(), key=lambda item: (item[0][1] or 0, *item[0][::2])
                )
                if source is None or source in known
            ],
        )
        _prune_counts()


def _prune_counts() -> None:
    """Forget old counts, once a day."""
    global _pruned_on
    today = timezone.localdate()
    if _pruned_on != today:
        first = today - timedelta(days=KEPT_DAYS)
        RefusalCount.objects.filter(day__lt=first).delete()
        _pruned_on = today


def count_of(source_id: int, *, days: int) -> int:
    """Return how many requests of a source were refused in the last days."""
    first = timezone.localdate() - timedelta(days=days - 1)
    counts = RefusalCount.objects.filter(source_id=source_id, day__gte=first)
    return counts.aggregate(total=Sum("count"))["total"] or 0


def forget() -> None:
    """Forget what was noted and how much, unwritten."""
    global _pruned_on
    with _lock:
        _waiting.clear()
        _counts.clear()
        _buckets.clear()
        _pruned_on = None


def _type_names() -> set[str]:
    return set(
        EventType.objects.order_by().values_list("name", flat=True)[:_MOST_TYPES]
    )


def _row(noted: _Noted, known_types: set[str]) -> RefusedRequest:
    errors = noted.refused.errors[:_MOST_ERRORS]
    problem = problems.details(noted.refused, errors)
    for name in noted.refused.extra.keys() - _EXTRAS:
        del problem[name]
    problem["request_id"] = noted.request_id
    pointers = [fault.pointer for fault in errors]
    body, note = _body_of(noted, pointers, known_types)
    if len(noted.refused.errors) > _MOST_ERRORS:
        note = f"{note} The first {_MOST_ERRORS} errors are kept.".strip()
    types = [name[:64] for name in body.types]
    return RefusedRequest(
        source_id=noted.caller.source_id,
        key=noted.caller.key,
        at=noted.at,
        path=noted.path[:200],
        type_name=types[0] if len(types) == 1 else "",
        status=noted.refused.status,
        code=noted.refused.code[:60],
        request_id=noted.request_id,
        problem=body_masking.masked_problem(problem, body),
        body=body.text,
        body_is_json=body.is_json,
        body_note=note,
    )


def _body_of(
    noted: _Noted, pointers: list[str], known_types: set[str]
) -> tuple[MaskedBody, str]:
    """Return the masked body of a request, and why it is not there."""
    nothing = MaskedBody("", is_json=False)
    if noted.raw is None:
        return nothing, "The request was refused before its body was read."
    if len(noted.raw) > MAX_BYTES:
        return nothing, "The body is over 1 MB, and is not shown."
    try:
        masked = body_masking.masked(noted.raw, pointers, known_types=known_types)
    except Exception:
        logger.exception("the body of request %s could not be masked", noted.request_id)
        return nothing, "The body cannot be shown."
    return masked, ""


def _write_always() -> None:
    while True:
        _wake.wait()
        time.sleep(WRITE_SECONDS)
        _wake.clear()
        try:
            write()
        except Exception as error:
            logger.warning("refused requests could not be written: %s", error)
        finally:
            connection.close()
