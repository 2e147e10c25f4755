"""A pytest plugin for packages of messages under version control: fixture `renders`.

Switch it on with ``pytest -p txmsg.testing``. No database, no settings, no network:
what is rendered is the content in the file, by the code that renders when it is sent.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from events.contract import faults_of
from templates_app import simulation
from templates_app.rendering import RenderedMessage
from templates_app.rendering.expanding import BlockText
from templates_app.rendering.fields import Content
from templates_app.rendering.languages import nearest_language
from templates_app.simulation import Sample
from txmsg.render_failures import explained

_FORMAT = "txmsg-package"
_TEXTS = {each.name for each in fields(Content) if each.default == ""}


class Renders(Protocol):
    """What the fixture `renders` is."""

    def __call__(
        self,
        message: str,
        *,
        ctx: Mapping[str, Any] | None = None,
        recipient: Mapping[str, Any] | None = None,
        language: str = "",
        at: datetime | None = None,
    ) -> RenderedMessage:
        """Return the message as it would go out; fail the test if it would not."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the folder of the packages be told."""
    text = "the folder of message packages; else that of the test"
    parser.addoption("--txmsg-packages", metavar="FOLDER", help=text)
    parser.addini("txmsg_packages", text, default="")


@pytest.fixture
def renders(request: pytest.FixtureRequest) -> Renders:
    """Assert that a context renders a message of a package; return what came of it.

    Without a context it is the sample in the package.
    """
    folder = _folder(request)

    def render(message: str, **given: Any) -> RenderedMessage:
        __tracebackhide__ = True
        rendered, failed = _rendered(_package(folder, message), **given)
        if rendered is None or failed:
            pytest.fail(failed, pytrace=False)
        return rendered

    return render


def _folder(request: pytest.FixtureRequest) -> Path:
    told = request.config.getoption("--txmsg-packages")
    noted = request.config.getini("txmsg_packages")
    if told:
        return Path(told)
    return request.config.rootpath / noted if noted else request.path.parent


def _package(folder: Path, name: str) -> Mapping[str, Any]:
    """Return the package of a message, by its internal name; fail if there is none."""
    __tracebackhide__ = True
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            package = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            pytest.fail(f"{path} is no JSON: {error}", pytrace=False)
        if isinstance(package, dict) and package.get("format") == _FORMAT:
            found[package["message"]["internal_name"]] = package
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, n=1)
    known = f"there are {', '.join(found)}" if found else "no package is there"
    hint = f"did you mean {near[0]}?" if near else known
    return pytest.fail(f"{folder} has no message {name}: {hint}", pytrace=False)


def _rendered(
    package: Mapping[str, Any],
    *,
    ctx: Mapping[str, Any] | None = None,
    recipient: Mapping[str, Any] | None = None,
    language: str = "",
    at: datetime | None = None,
) -> tuple[RenderedMessage | None, str]:
    """Return the message with what is wrong with it in words."""
    message = package["message"]
    event_type = package.get("event_type") or {}
    chosen, _ = nearest_language(
        message["content"],
        language or str((recipient or {}).get("language", "")),
        default=message.get("default_language", "en"),
    )
    if ctx is None:
        ctx = message.get("context_sample") or event_type.get("sample") or {}
    simulated = simulation.simulate(
        message["channel"],
        _content(message["content"][chosen]),
        Sample(
            ctx=ctx, event_type=event_type.get("name", ""), recipient=recipient or {}
        ),
        about={
            "internal_name": message["internal_name"],
            "label": message["label"],
            "version": 0,
        },
        at=at or datetime.now(UTC),
        language=chosen,
        blocks=_blocks(package),
    )
    failed = explained(
        f"{message['internal_name']} ({chosen})",
        ctx=ctx,
        errors=simulated.errors,
        misfits=_misfits(ctx, event_type),
    )
    return simulated.message, failed


def _content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return content whose texts are texts: a package may hold them line by line."""
    return {
        name: "\n".join(value) if name in _TEXTS and isinstance(value, list) else value
        for name, value in content.items()
    }


def _blocks(package: Mapping[str, Any]) -> dict[str, BlockText]:
    blocks = (_block(each) for each in package.get("content_blocks") or [])
    return {
        block["internal_name"]: BlockText(block["html"], block["text"])
        for block in blocks
    }


def _block(block: Mapping[str, Any]) -> dict[str, str]:
    texts = {"html": "", "text": "", **block}
    return {
        name: "\n".join(value) if isinstance(value, list) else value
        for name, value in texts.items()
    }


def _misfits(
    ctx: Mapping[str, Any], event_type: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Return what would have an event with this context refused."""
    if not event_type or event_type.get("contract_mode", "strict") != "strict":
        return []
    plain = json.loads(json.dumps(ctx, default=float))
    faults = faults_of(plain, event_type["contract"])
    return [(fault.pointer, fault.message) for fault in faults]
