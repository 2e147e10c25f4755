"""The page of the API as somebody reads it and copies from it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests import drill
from tests.test_api_page import PAGE


@pytest.mark.installation
def test_the_page_is_read_and_copied_from_in_a_browser(
    page: Page, running: drill.Installation
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"http://127.0.0.1:{running.port}{PAGE}")
    section = page.locator("#type-drill")
    section.get_by_role("button", name="Python").click()
    assert section.locator("pre:visible").inner_text().startswith("import json")
    other = page.locator("#post_event")
    assert other.locator("pre:visible").first.inner_text().startswith("import json")
    section.get_by_role("button", name="Copy").click()
    section.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert '"type": "drill"' in copied
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
