"""Import: what a package holds comes to stand in the database, whole or not at all.

The content is checked as it is in the editor; one error, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import DataError, IntegrityError, transaction

from events import samples
from events.models import EventType
from templates_app import checking, content_blocks, publishing
from templates_app.checking import Finding
from templates_app.models import (
    ContentBlock,
    Folder,
    Message,
    MessageStatus,
    MobileApp,
    Template,
    Version,
)
from templates_app.packages.places import pointer_of
from templates_app.packages.reading import (
    BrokenPackage,
    DraftPart,
    EventTypePart,
    Fault,
    MobileAppPart,
    Package,
)

_FIELD_OF_PART = {"html": "source"}
_SIMPLE = (
    "label",
    "nature",
    "delivery_code",
    "unknown_outcome",
    "default_language",
    "context_sample",
    "description",
    "content",
)


@dataclass(slots=True)
class Imported:
    """What an import did, in words a line each, and the message it was about."""

    message: Message
    lines: list[str] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    version: Version | None = None


class _DryRun(Exception):
    """Takes back what was written for a look."""


def import_package(
    package: Package,
    *,
    author: AbstractBaseUser | None = None,
    is_published: bool = False,
    is_dry_run: bool = False,
) -> Imported:
    """Write all that a package holds; raise BrokenPackage and write nothing.

    With `is_published` the message is published too, and a refusal of that is a fault.
    A dry run does everything and takes it back.
    """
    try:
        with transaction.atomic():
            imported = _written(package, author)
            _check(package, imported)
            if is_published:
                _publish(package, imported, author)
            if is_dry_run:
                raise _DryRun
    except _DryRun:
        pass
    except (DataError, IntegrityError) as error:
        # The shape was checked: whatever is left is said, and nothing was written.
        message = f"the database refused it: {str(error).splitlines()[0]}"
        raise BrokenPackage([Fault(message, 1, 1)]) from error
    return imported


def _written(package: Package, author: AbstractBaseUser | None) -> Imported:
    parts = package.parts
    lines: list[str] = []
    faults = [*_conflicts(package)]
    if faults:
        raise BrokenPackage(faults)
    event_type = None
    if parts.event_type is not None:
        event_type = _write_type(parts.event_type, lines)
    for part in parts.content_blocks:
        block = ContentBlock.objects.filter(internal_name=part.internal_name).first()
        verb = "changed" if block else "made"
        block = block or ContentBlock(internal_name=part.internal_name)
        if _set(block, **part.model_dump()):
            content_blocks.save(block, author=author)
            lines.append(f"{verb} content block {part.internal_name}")
    template = None
    if parts.template is not None:
        template = _write_template(parts.template, author, lines)
    message = _write_message(
        parts.message, event_type=event_type, template=template, lines=lines
    )
    message.modified_by_id = author.pk if author else None
    message.save()
    return Imported(message, lines)


def _conflicts(package: Package) -> Iterator[Fault]:
    """Yield where the package contradicts what is here, or is live."""
    other = package.parts.template
    taken = other and Template.objects.filter(internal_name=other.internal_name).first()
    if other and taken and taken.channel != other.channel:
        yield package.fault(
            f"there is a template {other.internal_name} for {taken.channel} already",
            "template",
            "internal_name",
            suggestion="give the template another internal_name",
        )
    yield from _twins(package)
    part = package.parts.message
    message = Message.objects.filter(internal_name=part.internal_name).first()
    if message is None:
        return
    if message.channel != part.channel:
        yield package.fault(
            f"there is a message {part.internal_name} for {message.channel} already",
            "message",
            "channel",
            suggestion="give the message another internal_name",
        )
    given = package.parts.event_type.name if package.parts.event_type else None
    bound = message.event_type.name if message.event_type else None
    if message.status != MessageStatus.DRAFT and given != bound:
        yield package.fault(
            f"the message is live for {bound} here",
            "event_type",
            "name",
            suggestion="unpublish it before you give it another event type",
        )


def _twins(package: Package) -> Iterator[Fault]:
    """Yield the event type here whose name differs in capital letters only."""
    named = package.parts.event_type
    twins = EventType.objects.filter(name__iexact=named.name) if named else None
    twin = twins.exclude(name=named.name).first() if named and twins else None
    if twin is not None:
        yield package.fault(
            f"there is an event type {twin.name}: names differ in more than capitals",
            "event_type",
            "name",
            suggestion=f"write {twin.name}",
        )


def _write_type(part: EventTypePart, lines: list[str]) -> EventType:
    event_type = EventType.objects.filter(name=part.name).first()
    verb = "changed" if event_type else "made"
    event_type = event_type or EventType(name=part.name)
    is_changed = _set(event_type, **part.model_dump(exclude={"samples"}))
    if is_changed:
        event_type.save()
    kept = dict(event_type.samples.values_list("name", "ctx"))
    if kept != part.samples:
        pks = dict(event_type.samples.values_list("name", "pk"))
        samples.keep_samples(
            event_type,
            [
                samples.NamedSample(name, ctx, pk=pks.get(name))
                for name, ctx in part.samples.items()
            ],
        )
    if is_changed or kept != part.samples:
        lines.append(f"{verb} event type {part.name}")
    return event_type


def _write_template(
    part: DraftPart, author: AbstractBaseUser | None, lines: list[str]
) -> Template:
    template = Template.objects.filter(internal_name=part.internal_name).first()
    if template is not None and template.is_builtin:
        return template
    verb = "changed" if template else "made"
    template = template or Template(internal_name=part.internal_name)
    if _set_draft(template, part):
        template.modified_by_id = author.pk if author else None
        template.save()
        lines.append(f"{verb} template {part.internal_name}")
    return template


def _write_message(
    part: DraftPart,
    *,
    event_type: EventType | None,
    template: Template | None,
    lines: list[str],
) -> Message:
    message = Message.objects.filter(internal_name=part.internal_name).first()
    verb = "changed" if message else "made"
    message = message or Message(internal_name=part.internal_name)
    is_changed = _set_draft(message, part)
    is_changed |= _set(message, event_type=event_type, template=template)
    if is_changed or verb == "made":
        lines.append(f"{verb} message {part.internal_name}")
        message.has_unpublished_changes = True
    return message


def _set_draft(draft: Message | Template, part: DraftPart) -> bool:
    named = {name: getattr(part, name) for name in _SIMPLE}
    return _set(
        draft,
        **named,
        channel=part.channel,
        folder=_folder(part.folder),
        mobile_app=_mobile_app(part.mobile_app) if part.mobile_app else None,
    )


def _set(row: Any, **values: Any) -> bool:
    """Set fields of a row; return whether that changed any, or it is new."""
    is_changed: bool = row._state.adding
    for name, value in values.items():
        is_changed = is_changed or getattr(row, name) != value
        setattr(row, name, value)
    return is_changed


def _folder(path: list[str]) -> Folder | None:
    folder: Folder | None = None
    for name in path:
        folder, _ = Folder.objects.get_or_create(name=name, parent=folder)
    return folder


def _mobile_app(part: MobileAppPart) -> MobileApp:
    app, _ = MobileApp.objects.get_or_create(
        internal_name=part.internal_name,
        defaults={"label": part.label, "platforms": part.platforms},
    )
    return app


def _check(package: Package, imported: Imported) -> None:
    """Raise BrokenPackage for every error of the content; keep the warnings."""
    message, faults = imported.message, []
    checked: list[tuple[str, Message | Template]] = [("message", message)]
    if package.parts.template is not None and message.template is not None:
        checked.append(("template", message.template))
    for name, draft in checked:
        for finding in checking.check_draft(draft):
            if finding.severity == "error":
                faults.append(_fault(package, name, finding))
            elif draft is message:
                imported.warnings.append(finding)
    faults += _broken_elsewhere(package, message)
    if faults:
        raise BrokenPackage(faults)


def _fault(package: Package, draft: str, finding: Finding) -> Fault:
    """Return a finding as a fault: placed in the field's text, and in the file."""
    part = finding.part or "content"
    field_name = _FIELD_OF_PART.get(part, part)
    pointer = pointer_of(draft, "content", finding.language, *field_name.split("/"))
    if part.startswith("block/"):
        name = part.removeprefix("block/")
        names = [each.internal_name for each in package.parts.content_blocks]
        number = names.index(name) if name in names else 0
        pointer = pointer_of("content_blocks", number, "html")
    line, column = finding.line or 1, finding.column or 1
    file_line, _ = package.placed.place_within(pointer, line, column)
    where = " ".join(each for each in (draft, finding.language, part) if each)
    return Fault(
        finding.message, line, column, finding.suggestion, where, file_line=file_line
    )


def _broken_elsewhere(package: Package, message: Message) -> Iterator[Fault]:
    """Yield the published messages that the package's contract would break."""
    event_type = message.event_type
    if event_type is None:
        return
    for other, findings in checking.broken_by(event_type, event_type.contract):
        if other.pk == message.pk:
            continue
        yield package.fault(
            f"this contract breaks the published message “{other.label}”: "
            f"{findings[0].message}",
            "event_type",
            "contract",
        )


def _publish(
    package: Package, imported: Imported, author: AbstractBaseUser | None
) -> None:
    message = imported.message
    if message.status == MessageStatus.PUBLISHED and not publishing.differs_from_live(
        message
    ):
        imported.lines.append(f"{message.internal_name} is live as it stands here")
        return
    try:
        imported.version = publishing.publish(
            message, author=author, note="Imported from a package."
        )
    except publishing.PublishError as error:
        faults = [
            Fault(
                problem.text,
                problem.line or 1,
                problem.column or 1,
                where=f"message {problem.part}".strip(),
            )
            for problem in error.problems
        ]
        raise BrokenPackage(faults) from error
    imported.lines.append(
        f"published {message.internal_name} as version {imported.version.number}"
    )
