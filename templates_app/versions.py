"""Immutable versions as programs ready to render, kept by this process.

Loads each version once; a version never changes, so what is kept never grows stale.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from events.facts import EventFacts
from templates_app.models import Message, Version
from templates_app.rendering import (
    Program,
    RenderContext,
    RenderedMessage,
    RenderError,
    program,
)
from templates_app.rendering.languages import nearest_language

logger = logging.getLogger(__name__)

KEPT = 256


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """What the pipeline needs of a version; its programs are made on first use."""

    id: int
    number: int
    message_id: int
    internal_name: str
    label: str
    channel: str
    unknown_outcome: str
    default_language: str
    sensitive_paths: list[str]
    compiled: dict[str, dict[str, Any]]
    _programs: dict[str, Program] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def program_for(self, language: str) -> tuple[str, Program]:
        """Return the nearest language, pt-BR, then pt, then default, and its program.

        Raises RenderError if the content cannot be made a program.
        """
        name = self._names.get(language)
        if name is None:
            name, _ = nearest_language(
                self.compiled, language, default=self.default_language
            )
            if len(self._names) < KEPT:
                self._names[language] = name
        if name not in self._programs:
            made = program(self.channel, self.compiled[name])
            made.prepare()
            self._programs[name] = made
        return name, self._programs[name]

    def facts(self) -> dict[str, Any]:
        """Return what templates see as `message`."""
        return {
            "internal_name": self.internal_name,
            "label": self.label,
            "version": self.number,
        }


_kept: OrderedDict[int, LoadedVersion] = OrderedDict()


def load(version_id: int) -> LoadedVersion:
    """Return a version, from memory or the database; raise Version.DoesNotExist."""
    loaded = _kept.get(version_id)
    if loaded is None:
        loaded = from_row(Version.objects.get(pk=version_id))
        _kept[version_id] = loaded
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(version_id)
    return loaded


def render(
    version: LoadedVersion,
    event: EventFacts,
    *,
    delivery_id: UUID,
    address: str,
    frozen_at: datetime,
) -> RenderedMessage:
    """Render a version for an event, in the recipient's language; raise RenderError.

    The same arguments make the same message, whoever asks: a send, a preview or a
    shadow render.
    """
    language, chosen = version.program_for(str(event.recipient.get("language") or ""))
    context = RenderContext(
        ctx=event.ctx or {},
        recipient=event.recipient,
        event=event.event,
        message=version.facts(),
        metadata=event.metadata,
        frozen_at=frozen_at,
        content_language=language,
    )
    return chosen.render(context, delivery_id=delivery_id, address=address)


def warm(version_ids: Iterable[int]) -> None:
    """Load versions that are not in memory yet and render their sample once.

    The first real event then pays neither for compiling nor for what rendering loads
    on its first use. What fails here will fail, with its place, when it is sent.
    """
    for version_id in list(version_ids)[:KEPT]:
        if version_id in _kept:
            continue
        loaded = load(version_id)
        sample = Message.objects.get(pk=loaded.message_id).context_sample
        for language in loaded.compiled:
            context = RenderContext(
                ctx=sample,
                recipient={"name": "Ada", "email": "ada@example.com"},
                event={},
                message=loaded.facts(),
                frozen_at=datetime.now(UTC),
                content_language=language,
            )
            try:
                loaded.program_for(language)[1].render(
                    context, delivery_id=UUID(int=0), address="ada@example.com"
                )
            except RenderError as error:
                logger.info("%s: its sample does not render: %s", loaded.label, error)


def from_row(version: Version) -> LoadedVersion:
    """Return a version, saved or not, as what renders."""
    return LoadedVersion(
        id=version.pk or 0,
        number=version.number,
        message_id=version.message_id,
        internal_name=str(version.properties.get("internal_name", "")),
        label=version.label,
        channel=version.channel,
        unknown_outcome=version.unknown_outcome,
        default_language=version.default_language,
        sensitive_paths=list(version.sensitive_paths),
        compiled=version.compiled,
    )
