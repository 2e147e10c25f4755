"""A pytest plugin: the fixture `renders` holds published messages to your contexts.

Switch it on with ``pytest -p txmsg_client.testing``, or ``pytest_plugins`` in your
conftest. It asks the installation at ``TXMSG_URL`` with the key in ``TXMSG_KEY``, which
needs the scope ``messages:preview``; nothing is sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol

import pytest

from txmsg_client.client import Client
from txmsg_client.explaining import explained
from txmsg_client.results import Preview, Recipient


class Renders(Protocol):
    """What the fixture `renders` is."""

    def __call__(
        self,
        message: str,
        *,
        ctx: Mapping[str, Any] | None = None,
        recipient: Recipient | None = None,
        language: str | None = None,
        version: Literal["published", "draft"] | int = "published",
    ) -> Preview:
        """Return the message as it would go out; fail the test if it would not."""


@pytest.fixture(scope="session")
def txmsg_client() -> Iterator[Client]:
    """A client of the installation that the environment names."""
    missing = [name for name in ("TXMSG_URL", "TXMSG_KEY") if not os.environ.get(name)]
    if missing:
        pytest.fail(
            f"set {' and '.join(missing)}, else nothing is tested", pytrace=False
        )
    with Client.from_environment() as client:
        yield client


@pytest.fixture
def renders(txmsg_client: Client) -> Renders:
    """Assert that a context renders a message; return it with its parts."""

    def render(message: str, **given: Any) -> Preview:
        __tracebackhide__ = True
        preview = txmsg_client.preview(message, **given)
        failed = explained(
            f"{message} ({preview.language})",
            ctx=given.get("ctx"),
            errors=preview.errors,
            misfits=[
                (fault.pointer, fault.message)
                for fault in preview.misfits
                if preview.would_be_refused
            ],
        )
        if failed:
            pytest.fail(failed, pytrace=False)
        return preview

    return render
