"""Attachments by address: the address and name of one delivery, made safe.

Nothing is fetched here: the channel fetches when it sends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from templates_app.rendering.errors import RenderError
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import Template, parse
from templates_app.rendering.message import Attachment
from templates_app.rendering.program import one_line
from templates_app.rendering.urls import check_urls

MAX_NAME = 150
# Path separators, what no file system takes, and marks that turn a name around.
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]+')

# What mail servers refuse, whatever its content.
_REFUSED_ENDINGS = frozenset(
    {
        *("ade", "adp", "apk", "app", "bat", "chm", "cmd", "com", "cpl", "dll", "exe"),
        *("hta", "ins", "iso", "jar", "js", "jse", "lib", "lnk", "mde", "msc", "msi"),
        *("msp", "mst", "pif", "ps1", "scr", "sct", "shb", "sys", "vb", "vbe", "vbs"),
        *("vxd", "wsc", "wsf", "wsh"),
    }
)


def refused_ending(name: str) -> str:
    """Return the ending of a file's name if mail servers refuse it; else nothing."""
    # Windows sees neither blanks and dots at the end nor what cannot be printed.
    seen = "".join(each for each in name if each.isprintable()).rstrip(". ")
    ending = seen.rpartition(".")[2].lower() if "." in seen else ""
    return ending if ending in _REFUSED_ENDINGS else ""


@dataclass(frozen=True, slots=True)
class AttachmentTemplate:
    """The compiled templates of one attachment."""

    url: Template
    name: Template
    when_missing: str

    @classmethod
    def of(cls, facts: Mapping[str, str], number: int) -> AttachmentTemplate:
        """Return the templates of what `compile_content` wrote for an attachment."""
        part = f"attachments/{number}"
        return cls(
            parse(facts["url"], html=False, part=f"{part}/url"),
            parse(facts.get("name", ""), html=False, part=f"{part}/name"),
            facts.get("when_missing", "fail"),
        )

    def prepare(self) -> None:
        """Make functions of its templates, for more than one delivery."""
        self.url.prepare()
        self.name.prepare()

    def render(
        self, variables: Mapping[str, Any], formats: Formats
    ) -> Attachment | None:
        """Return the attachment of one delivery; None when it may be missing and is."""
        try:
            url = one_line(self.url.render(variables, formats))
        except RenderError as error:
            if self.when_missing == "skip" and error.code == "undefined_variable":
                return None
            raise
        if not url and self.when_missing == "skip":
            return None
        _check_url(url, part=self.url.part)
        name = _file_name(self.name.render(variables, formats))
        name = name or _file_name(unquote(urlsplit(url).path).rpartition("/")[2])
        ending = refused_ending(name)
        if ending:
            raise RenderError(
                f"mail servers refuse attachments that end in .{ending}",
                code="bad_value",
                part=self.name.part,
            )
        return Attachment(url, name or "attachment", self.when_missing)


def _check_url(url: str, *, part: str) -> None:
    try:
        address = urlsplit(url)
        is_good = address.scheme in {"http", "https"} and bool(address.hostname)
    except ValueError:
        is_good = False
    if not is_good or " " in url or not url.isascii():
        raise RenderError(
            f"an attachment is fetched from an http or https address, not {url[:60]!r}",
            code="unsafe_url",
            part=part,
        )
    quoted = url.replace('"', "%22")
    check_urls(f'<a href="{quoted}">', part=part)


def _file_name(text: str) -> str:
    """Return a name for a file: one line, no path, not hidden, not too long."""
    name = _NOT_IN_NAMES.sub("-", one_line(text)).strip(". ")
    if len(name) <= MAX_NAME:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 10:
        return name[:MAX_NAME]
    return f"{stem[: MAX_NAME - len(suffix) - 1]}.{suffix}"
