"""What changes a message's public state, and writes its versions and their log.

Each verb sets the status and commits before it touches work. What takes long, the
check, compiling and the shadow render, happens before the transaction; inside it the
message is only looked at again, under its lock.
"""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from events.models import Stage
from templates_app import shadow, snapshots
from templates_app.models import (
    Message,
    MessageStatus,
    MobileApp,
    PublicationAction,
    PublicationLog,
    ShadowRun,
    Version,
)
from templates_app.publishing.readiness import (
    Problem,
    PublishError,
    assess,
    standing_in_the_way,
    would_fail,
)
from templates_app.publishing.waking import wake
from templates_app.rendering import RenderError


def publish(
    message: Message, *, author: AbstractBaseUser | None = None, note: str = ""
) -> Version:
    """Make a version of a message and send with it from now on; raise PublishError.

    It must pass the check, and a shadow render of this very content: one that was
    just finished counts, otherwise it is done here. Publishing a paused message also
    resumes it. Events that waited for a message of this type and channel are taken up.
    """
    message = Message.objects.select_related("event_type", "live_version").get(
        pk=message.pk
    )
    _check(message, author)
    candidate = _compiled(message, author)
    run = _prove(message, candidate, author)
    try:
        return _make_live(message, candidate, run, author=author, note=note)
    except PublishError as error:
        raise _refused(message, author, error.problems) from error


def _make_live(
    message: Message,
    candidate: Version,
    run: ShadowRun,
    *,
    author: AbstractBaseUser | None,
    note: str,
) -> Version:
    with transaction.atomic():
        message = _locked(message)
        # Two messages of one type would else both find no other that is live.
        _lock_type(message)
        problems = standing_in_the_way(message) or _changed_meanwhile(
            message, candidate, run
        )
        if problems:
            raise PublishError(problems)
        candidate.message = message
        candidate.number = snapshots.next_number(message)
        candidate.author_id = author.pk if author else None
        candidate.note = note
        candidate.save(force_insert=True)
        message.status = MessageStatus.PUBLISHED
        message.opened_at = Now()
        message.live_version = candidate
        message.has_unpublished_changes = False
        message.published_at = timezone.now()
        _save_state(message)
        _log(message, PublicationAction.PUBLISHED, author, note, candidate)
    wake(message, [Stage.NOT_COVERED, Stage.PAUSED])
    return candidate


def pause(
    message: Message, *, actor: AbstractBaseUser | None = None, note: str = ""
) -> None:
    """Send nothing more for now: events are accepted and wait until they expire."""
    with transaction.atomic():
        message = _locked(message)
        _require(message, MessageStatus.PUBLISHED, "Only a published message can pause")
        message.status = MessageStatus.PAUSED
        _save_state(message)
        live = message.live_version
        _log(message, PublicationAction.PAUSED, actor, note, live)


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
        live = message.live_version
        _log(message, PublicationAction.RESUMED, actor, note, live)
    wake(message, [Stage.PAUSED])


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
        live = message.live_version
        _log(message, PublicationAction.UNPUBLISHED, actor, note, live)
    wake(message, [Stage.PAUSED])


def restore(
    message: Message, version: Version, *, editor: AbstractBaseUser | None = None
) -> Message:
    """Make the draft say what an old version said; nothing is published.

    Label, properties, languages and content are taken over; the internal name, the
    context sample and the content blocks stay as they are. Returns what stands now.
    """
    with transaction.atomic():
        message = _locked(message)
        message.label = version.label
        message.content = version.content
        message.default_language = version.default_language
        message.unknown_outcome = version.unknown_outcome
        message.nature = version.properties.get("nature", "")
        message.delivery_code = version.properties.get("delivery_code", "")
        app = version.properties.get("mobile_app")
        message.mobile_app = MobileApp.objects.filter(internal_name=app).first()
        message.modified_by_id = editor.pk if editor else None
        is_draft = message.status == MessageStatus.DRAFT
        message.has_unpublished_changes = is_draft or snapshots.differs_from_live(
            message
        )
        message.save(
            update_fields=[
                "label",
                "content",
                "default_language",
                "unknown_outcome",
                "nature",
                "delivery_code",
                "mobile_app",
                "modified_at",
                "modified_by",
                "has_unpublished_changes",
            ]
        )
    return message


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


def _check(message: Message, author: AbstractBaseUser | None) -> None:
    """Check a message and log it; raise PublishError for what blocks."""
    ready = assess(message)
    found = f"{_count(ready.problems, 'error')}, {_count(ready.doubts, 'warning')}"
    _log(message, PublicationAction.CHECKED, author, found)
    if ready.problems:
        raise _refused(message, author, ready.problems)


def _compiled(message: Message, author: AbstractBaseUser | None) -> Version:
    try:
        return snapshots.snapshot(message, number=0)
    except RenderError as error:  # saved between the check and now
        raise _refused(message, author, [Problem(str(error))]) from error


def _prove(
    message: Message, candidate: Version, author: AbstractBaseUser | None
) -> ShadowRun:
    """Take the finished shadow render, or do one, and log it; raise PublishError."""
    run = shadow.current(message)
    if run is None or not shadow.is_finished(run):
        run = shadow.run_now(message, by=author)
    if not shadow.is_finished(run):
        problems = [Problem(run.problem)] if run.problem else _REPLACED
        raise _refused(message, author, problems)
    _log(message, PublicationAction.RENDERED, author, shadow.in_words(run))
    if run.content_hash != candidate.content_hash:
        raise _refused(message, author, _MEANWHILE)
    problems = would_fail(run)
    if not problems and not shadow.stands(run):
        problems = _REPLACED  # and its results were gone before they were read
    if problems:
        raise _refused(message, author, problems)
    return run


_REPLACED = [
    Problem("Somebody else rendered the past events meanwhile; publish again, please.")
]
_MEANWHILE = [
    Problem("It was changed while it was being published; look at it again, please.")
]


def _changed_meanwhile(
    message: Message, candidate: Version, run: ShadowRun
) -> list[Problem]:
    """Return why what was checked is not what stands under the lock; else nothing."""
    event_type = message.event_type
    facts = (
        message.label,
        snapshots.properties(message),
        message.event_type_id,
        event_type.contract if event_type else {},
        event_type.sensitive_paths if event_type else [],
        message.live_version_id,
    )
    checked = (
        candidate.label,
        candidate.properties,
        candidate.message.event_type_id,
        candidate.contract,
        candidate.sensitive_paths,
        run.base_version_id,
    )
    is_same = facts == checked
    try:
        is_same = is_same and snapshots.content_hash(message) == candidate.content_hash
    except RenderError:
        is_same = False
    return [] if is_same else _MEANWHILE


def _refused(
    message: Message, author: AbstractBaseUser | None, problems: list[Problem]
) -> PublishError:
    error = PublishError(problems)
    _log(message, PublicationAction.REFUSED, author, str(error))
    return error


def _count(things: list[Problem], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


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
    _lock_type(message)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE events_eventtype SET live_channels = ARRAY(
                SELECT channel FROM templates_app_message
                WHERE event_type_id = %s AND status <> 'draft' ORDER BY channel)
            WHERE id = %s
            """,
            [message.event_type_id, message.event_type_id],
        )


def _lock_type(message: Message) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM events_eventtype WHERE id = %s FOR NO KEY UPDATE",
            [message.event_type_id],
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
        version=version,
        action=action,
        actor_id=actor.pk if actor else None,
        note=note,
        at=Now(),
    )
