"""The tree of folders that messages and templates are filed in.

A folder holds folders; what is filed in one stays there when the folder moves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import Count

from templates_app.models import Folder, Message, Template

SEPARATOR = " / "
MAX_DEPTH = 8


class CannotMove(Exception):
    """A folder would lie in itself, or too deep; the text says which."""


class NotEmpty(Exception):
    """A folder that still holds something cannot be deleted; the text says what."""


@dataclass(frozen=True, slots=True)
class Row:
    """A folder in the tree: its path from the root, and what is filed right in it."""

    folder: Folder
    path: str
    depth: int
    messages: int = 0
    templates: int = 0


def tree() -> list[Row]:
    """Return all folders, each after its parent, with counts; three queries."""
    messages = _counts(Message.objects.filter(deleted_at=None))
    templates = _counts(Template.objects.all())
    return [
        replace(
            row,
            messages=messages.get(row.folder.pk, 0),
            templates=templates.get(row.folder.pk, 0),
        )
        for row in _walked()
    ]


def paths() -> list[tuple[int, str]]:
    """Return id and path of every folder in the order of the tree; one query."""
    return [(row.folder.pk, row.path) for row in _walked()]


def within(folder_id: int) -> set[int]:
    """Return the ids of a folder and of all that lie in it, however deep."""
    parents = dict(Folder.objects.values_list("pk", "parent_id"))
    found = {folder_id}
    while True:
        more = {pk for pk, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def move(folder: Folder, parent: Folder | None) -> None:
    """Put a folder into another, or to the root; raise CannotMove."""
    with transaction.atomic():
        # One mover at a time: two could each put their folder into the other's.
        list(Folder.objects.select_for_update().order_by("pk"))
        if parent is not None:
            if parent.pk in within(folder.pk):
                message = f"“{folder.name}” cannot lie in itself."
                raise CannotMove(message)
            if _depth(parent) + _height(folder) >= MAX_DEPTH:
                message = f"Folders are nested {MAX_DEPTH} deep at most."
                raise CannotMove(message)
        same = Folder.objects.filter(parent=parent, name=folder.name)
        if same.exclude(pk=folder.pk).exists():
            place = f"“{parent.name}”" if parent else "The top"
            message = f"{place} holds a folder “{folder.name}” already."
            raise CannotMove(message)
        folder.parent = parent
        folder.save()


def file_in(drafts: Iterable[Message | Template], folder: Folder | None) -> int:
    """File messages and templates in a folder; return how many."""
    count = 0
    for draft in drafts:
        # An edit it is not: nobody's open page becomes stale by it.
        type(draft)._default_manager.filter(pk=draft.pk).update(folder=folder)
        count += 1
    return count


def delete(folder: Folder) -> None:
    """Delete an empty folder; raise NotEmpty."""
    # What was deleted is seen by nobody, and must keep no folder.
    Message.objects.exclude(deleted_at=None).filter(folder=folder).update(folder=None)
    held = [
        (Folder.objects.filter(parent=folder).count(), "folder"),
        (Message.objects.filter(folder=folder).count(), "message"),
        (Template.objects.filter(folder=folder).count(), "template"),
    ]
    words = [
        f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in held if count
    ]
    if words:
        message = f"“{folder.name}” holds {' and '.join(words)}: move them first."
        raise NotEmpty(message)
    folder.delete()


def _walked() -> list[Row]:
    """Return all folders, each after its parent, without counts."""
    children: dict[int | None, list[Folder]] = {}
    for folder in Folder.objects.order_by("name"):
        children.setdefault(folder.parent_id, []).append(folder)
    rows: list[Row] = []

    def add(parent: int | None, path: str, depth: int) -> None:
        for folder in children.get(parent, []):
            own = f"{path}{SEPARATOR}{folder.name}" if path else folder.name
            rows.append(Row(folder, own, depth))
            add(folder.pk, own, depth + 1)

    add(None, "", 0)
    return rows


def _counts(drafts: object) -> dict[int, int]:
    rows = drafts.order_by().values_list("folder").annotate(Count("pk"))  # type: ignore[attr-defined]
    return {folder: count for folder, count in rows if folder is not None}


def _depth(folder: Folder) -> int:
    depth, parent = 1, folder.parent
    while parent is not None:
        depth, parent = depth + 1, parent.parent
    return depth


def _height(folder: Folder) -> int:
    below = [_height(child) for child in Folder.objects.filter(parent=folder)]
    return 1 + max(below, default=0)
