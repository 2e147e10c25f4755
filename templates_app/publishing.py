"""A message's public state: publish, pause, resume, unpublish. Writes versions.

Each verb sets the status and commits before it touches work: rows are then re-dated in
small batches that pass over what a worker holds, and the sweeper finds what a worker
parked in between.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone

from events import doorbell, work
from events.models import EventType, Stage
from events.routing import LiveVersion, RouteKey
from templates_app.models import (
    Message,
    MessageStatus,
    PublicationAction,
    PublicationLog,
    Version,
)
from templates_app.rendering import RenderError, compile_content
from templates_app.rendering.content import Content

WAKE_BATCH = 1000
PASS_SECONDS = 10.0
# Longer than any claim takes from reading what is live to its commit.
SETTLED_SECONDS = 60
_WAITING = (Stage.PAUSED, Stage.NOT_COVERED)
_passes: dict[int, float] = {}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a message cannot be published: what, where, and what to do."""

    text: str
    part: str = ""
    line: int | None = None
    column: int | None = None


class PublishError(Exception):
    """A message cannot be published; `problems` say each reason."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.text for problem in problems))
        self.problems = problems


def problems_of(message: Message) -> list[Problem]:
    """Return what stands in the way of publishing a message; empty if nothing does."""
    problems: list[Problem] = []
    if message.event_type is None:
        problems.append(Problem("Choose an event type: it says when to send this."))
    else:
        twin = (
            Message.objects.filter(
                event_type=message.event_type, channel=message.channel
            )
            .exclude(pk=message.pk)
            .exclude(status=MessageStatus.DRAFT)
            .first()
        )
        if twin is not None:
            problems.append(
                Problem(
                    f"“{twin.label}” is already live for {message.event_type.name} by "
                    f"{message.get_channel_display()}; unpublish it first."
                )
            )
    if message.default_language not in message.content:
        problems.append(
            Problem(f"The default language {message.default_language} has no content.")
        )
    try:
        compiled_content(message)
    except RenderError as error:
        problems.append(
            Problem(str(error), part=error.part, line=error.line, column=error.column)
        )
    return problems


def compiled_content(message: Message) -> dict[str, dict[str, Any]]:
    """Return a message's content compiled, by language; raise RenderError."""
    return {
        language: compile_content(message.channel, content)
        for language, content in message.content.items()
    }


def snapshot(message: Message, *, number: int) -> Version:
    """Return an unsaved version of a message as it stands; raise RenderError."""
    contract = message.event_type.contract if message.event_type else {}
    sensitive = message.event_type.sensitive_paths if message.event_type else []
    version = Version(
        message=message,
        number=number,
        label=message.label,
        channel=message.channel,
        default_language=message.default_language,
        content=message.content,
        compiled=compiled_content(message),
        unknown_outcome=message.unknown_outcome,
        properties=_properties(message),
        contract=contract,
        sensitive_paths=sensitive,
    )
    version.content_hash = content_hash(message)
    return version


def content_hash(message: Message) -> str:
    """Return a hash of what decides how a message is sent; raise RenderError."""
    content = {
        language: Content.from_json(fields).to_json()
        for language, fields in message.content.items()
    }
    canonical = json.dumps(
        [content, message.default_language, message.unknown_outcome], sort_keys=True
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def differs_from_live(message: Message) -> bool:
    """Return whether publishing a message now would change what is live."""
    live = message.live_version
    return live is None or (
        (live.label, live.properties) != (message.label, _properties(message))
        or live.content_hash != content_hash(message)
    )


def publish(
    message: Message, *, author: AbstractBaseUser | None = None, note: str = ""
) -> Version:
    """Make a version of a message and send with it from now on; raise PublishError.

    Publishing a paused message also resumes it. Events that waited for a message of
    this type and channel are taken up.
    """
    with transaction.atomic():
        message = _locked(message)
        problems = problems_of(message)
        if problems:
            raise PublishError(problems)
        last = message.versions.aggregate(last=Max("number"))["last"] or 0
        version = snapshot(message, number=last + 1)
        version.author_id = author.pk if author else None
        version.note = note
        version.save(force_insert=True)
        message.status = MessageStatus.PUBLISHED
        message.opened_at = Now()
        message.live_version = version
        message.has_unpublished_changes = False
        message.published_at = timezone.now()
        _save_state(message)
        _log(message, PublicationAction.PUBLISHED, author, note, version)
    _wake(message, [Stage.NOT_COVERED, Stage.PAUSED])
    return version


def pause(
    message: Message, *, actor: AbstractBaseUser | None = None, note: str = ""
) -> None:
    """Send nothing more for now: events are accepted and wait until they expire."""
    with transaction.atomic():
        message = _locked(message)
        _require(message, MessageStatus.PUBLISHED, "Only a published message can pause")
        message.status = MessageStatus.PAUSED
        _save_state(message)
        _log(message, PublicationAction.PAUSED, actor, note)


def pause_version(version_id: int, *, note: str) -> None:
    """Pause the message that a version belongs to, if it is still the live one."""
    message = Message.objects.filter(live_version_id=version_id).first()
    if message is not None:
        pause(message, note=note)


def resume(
    message: Message, *, actor: AbstractBaseUser | None = None, note: str = ""
) -> None:
    """Go on sending; what waited is sent with the version that is live now."""
    with transaction.atomic():
        message = _locked(message)
        _require(message, MessageStatus.PAUSED, "Only a paused message can be resumed")
        message.status = MessageStatus.PUBLISHED
        message.opened_at = Now()
        _save_state(message)
        _log(message, PublicationAction.RESUMED, actor, note)
    _wake(message, [Stage.PAUSED])


def unpublish(
    message: Message, *, actor: AbstractBaseUser | None = None, note: str = ""
) -> None:
    """Make a message a draft again: events of its type find no message any more.

    What was accepted before waits as not covered until it expires or is published.
    """
    with transaction.atomic():
        message = _locked(message)
        if message.status == MessageStatus.DRAFT:
            raise PublishError([Problem("The message is not published.")])
        message.status = MessageStatus.DRAFT
        message.has_unpublished_changes = True
        _save_state(message)
        _log(message, PublicationAction.UNPUBLISHED, actor, note)
    _wake(message, [Stage.PAUSED])


def delete(message: Message) -> None:
    """Hide a draft for good; its history stays. Raise PublishError unless a draft."""
    with transaction.atomic():
        message = _locked(message)
        if message.status != MessageStatus.DRAFT:
            raise PublishError(
                [Problem(f"“{message.label}” is live: unpublish it before deleting.")]
            )
        message.deleted_at = timezone.now()
        message.internal_name = f"{message.internal_name[:44]}-deleted-{message.pk}"
        message.save(update_fields=["deleted_at", "internal_name"])


def live_versions() -> dict[RouteKey, LiveVersion]:
    """Return the live version of each event type and channel; one small query."""
    rows = Message.objects.exclude(status=MessageStatus.DRAFT).values_list(
        "event_type_id", "channel", "live_version_id", "status"
    )
    return {
        (type_id, channel): LiveVersion(version, status == MessageStatus.PAUSED)
        for type_id, channel, version, status in rows
        if type_id is not None and version is not None
    }


def versions_of_live_messages(version_ids: Iterable[int]) -> set[int]:
    """Return which of these versions belong to a message that is live, or paused."""
    return set(
        Version.objects.filter(pk__in=set(version_ids))
        .exclude(message__status=MessageStatus.DRAFT)
        .values_list("pk", flat=True)
    )


def sendable(version_ids: Iterable[int]) -> set[int]:
    """Return which of these versions belong to a message that is published now.

    For use in a transaction: until its end nobody can pause or unpublish them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT v.id FROM templates_app_version v
            JOIN templates_app_message m ON m.id = v.message_id
            WHERE v.id = ANY(%s) AND m.status = 'published'
            ORDER BY m.id FOR SHARE OF m
            """,
            [sorted(set(version_ids))],
        )
        return {row[0] for row in cursor.fetchall()}


def wake_parked() -> int:
    """Wake what waits for messages that were opened of late; return how many rows.

    Opening a message wakes what waits, but whoever does it may die before, and a claim
    that read the state just before parks rows just after. So each opened message is
    gone through again, every ten seconds for a minute, and only then left alone.
    """
    woken = 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, event_type_id, channel, opened_at,
                   clock_timestamp() - opened_at > make_interval(secs => %s)
            FROM templates_app_message
            WHERE opened_at IS NOT NULL AND status = 'published'
            """,
            [SETTLED_SECONDS],
        )
        opened = cursor.fetchall()
    for message_id, type_id, channel, opened_at, is_settled in opened:
        if time.monotonic() < _passes.get(message_id, 0.0) and not is_settled:
            continue
        _passes[message_id] = time.monotonic() + PASS_SECONDS
        woken += work.wake(type_id, channel=channel, stages=_WAITING, limit=WAKE_BATCH)
        if is_settled:
            _passes.pop(message_id, None)
            Message.objects.filter(pk=message_id, opened_at=opened_at).update(
                opened_at=None
            )
    return woken


def _properties(message: Message) -> dict[str, str]:
    return {
        "internal_name": message.internal_name,
        "nature": message.nature,
        "delivery_code": message.delivery_code,
    }


def _locked(message: Message) -> Message:
    return Message.objects.select_for_update(of=("self",)).get(pk=message.pk)


def _require(message: Message, status: MessageStatus, text: str) -> None:
    if message.status != status:
        raise PublishError([Problem(f"{text}; this one is {message.status}.")])


def _save_state(message: Message) -> None:
    message.save(
        update_fields=[
            "status",
            "live_version",
            "has_unpublished_changes",
            "published_at",
            "opened_at",
        ]
    )
    if message.event_type_id is None:
        return
    # The door below reads this instead of looking up the stairs. The lock comes first:
    # two messages of one type published at once would each miss the other.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM events_eventtype WHERE id = %s FOR NO KEY UPDATE",
            [message.event_type_id],
        )
        cursor.execute(
            """
            UPDATE events_eventtype SET live_channels = ARRAY(
                SELECT channel FROM templates_app_message
                WHERE event_type_id = %s AND status <> 'draft' ORDER BY channel)
            WHERE id = %s
            """,
            [message.event_type_id, message.event_type_id],
        )


def _log(
    message: Message,
    action: PublicationAction,
    actor: AbstractBaseUser | None,
    note: str,
    version: Version | None = None,
) -> None:
    PublicationLog.objects.create(
        message=message,
        version=version or message.live_version,
        action=action,
        actor_id=actor.pk if actor else None,
        note=note,
        at=Now(),
    )


def _wake(message: Message, stages: list[Stage]) -> None:
    """Re-date what waited, after the status was committed, and ring."""
    event_type: EventType | None = message.event_type
    if event_type is None:
        return
    type_id, channel = event_type.pk, message.channel

    def wake_all() -> None:
        work.wake(type_id, channel=channel, stages=stages, limit=WAKE_BATCH)
        doorbell.ring_all()

    # Robust: the state is committed, and the sweeper wakes what this could not.
    transaction.on_commit(wake_all, robust=True)
