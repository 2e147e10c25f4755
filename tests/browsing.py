"""A real Chromium for the tests that need one, and somebody who is logged in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import (
    Browser,
    Page,
    StorageState,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests import drill

# Milliseconds for what does come to pass, on a machine however loaded.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# What is switched off here replaces what Playwright switches off.
_OFF = (
    # A process for each sandboxed frame and each site is for those who have enemies:
    # here it costs a third of all that the browser does.
    "IsolateSandboxedIframes",
    "IsolateOrigins",
    "site-per-process",
    "SpareRendererForSitePerProcess",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "MediaRouter",
    "OptimizationHints",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",
    f"--disable-features={','.join(_OFF)}",
]
WIDE: ViewportSize = {"width": 1400, "height": 1000}
# One login serves all pages of an installation: each takes a second.
_SESSIONS: dict[str, StorageState] = {}
_OURS = ("data:", "about:", "blob:")


def log_in(page: Page) -> None:
    """Log in as the drill's user; the page must know its base address."""
    page.goto("/admin/")
    page.fill("[name=username]", drill.USER)
    page.fill("[name=password]", drill.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login/" not in url)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a Chromium; without one, skip or fail as TXMSG_TEST_BROWSER says."""
    if CHROMIUM is None:
        if os.environ.get("TXMSG_TEST_BROWSER") == "required":
            pytest.fail("TXMSG_TEST_BROWSER=required, but there is no chromium")
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@contextmanager
def logged_in(browser: Browser, base: str) -> Iterator[Page]:
    """Open a page of somebody who is logged in.

    At its end no script may have failed, and no request may have left the machine.
    """
    context = browser.new_context(
        base_url=base, viewport=WIDE, storage_state=_SESSIONS.get(base)
    )
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    outside: list[str] = []
    errors: list[str] = []
    near = (base, *_OURS)
    opened.on(
        "request",
        lambda request: (
            None if request.url.startswith(near) else outside.append(request.url)
        ),
    )
    opened.on("pageerror", lambda error: errors.append(str(error)))
    if base not in _SESSIONS:
        log_in(opened)
        _SESSIONS[base] = context.storage_state()
    yield opened
    context.close()
    assert outside == []
    assert errors == []
