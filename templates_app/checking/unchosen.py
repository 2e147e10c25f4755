"""What an author added and has not filled: it would be left out, or fail to be sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from templates_app.checking.findings import Finding
from templates_app.rendering.fields import Content

CHOOSE_IMAGE = "choose an image"


def unchosen(fields: Content, *, language: str) -> Iterator[Finding]:
    """Yield the attachments without an address, and image blocks without an image."""
    for number, attachment in enumerate(fields.attachments):
        if not attachment.get("url", "").strip():
            message = "an attachment has an address that it is fetched from"
            part = f"attachments/{number}/url"
            yield Finding(
                "error", "invalid_content", message, part=part, language=language
            )
    if fields.source_kind == "blocks":
        for name in _without_image(fields.blocks.get("blocks")):
            yield Finding(
                "error",
                "image_source",
                "the image block shows nothing: it has no image",
                CHOOSE_IMAGE,
                part=f"blocks/{name}/src",
                line=1,
                column=1,
                language=language,
            )


def _without_image(blocks: Any) -> Iterator[str]:
    """Yield the ids of image blocks without an image, those in columns included."""
    for block in blocks if isinstance(blocks, list) else ():
        if not isinstance(block, Mapping):
            continue
        if block.get("kind") == "image" and not str(block.get("src") or "").strip():
            yield str(block.get("id", ""))
        columns = block.get("columns")
        for column in columns if isinstance(columns, list) else ():
            if isinstance(column, Mapping):
                yield from _without_image(column.get("blocks"))
