"""A marketer's way through the admin in real Chromium, against a running `up`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import drill

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SOURCE = """\
<mjml><mj-body><mj-section><mj-column>
<mj-text>Welcome, {{ ctx.user.name }}.</mj-text>
</mj-column></mj-section></mj-body></mjml>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("TXMSG_TEST_BROWSER") == "required":
            pytest.fail("TXMSG_TEST_BROWSER=required, but there is no chromium")
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, running: drill.Installation) -> Iterator[Page]:
    """A page of somebody who is logged in; it sees no request leave the machine."""
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{running.port}",
        viewport={"width": 1400, "height": 1000},
    )
    opened = context.new_page()
    outside: list[str] = []
    errors: list[str] = []
    opened.on(
        "request",
        lambda request: (
            outside.append(request.url)
            if not request.url.startswith((f"http://127.0.0.1:{running.port}", "data:"))
            and not request.url.startswith("about:")
            else None
        ),
    )
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto("/admin/")
    opened.fill("[name=username]", drill.USER)
    opened.fill("[name=password]", drill.PASSWORD)
    opened.keyboard.press("Enter")
    opened.wait_for_url(lambda url: "/login/" not in url)
    yield opened
    context.close()
    assert outside == []
    assert errors == []


def test_create_simulate_publish_post_and_see_it_in_event_history(
    page: Page, running: drill.Installation, tmp_path: Path
) -> None:
    create_from_the_template(page)
    fill_in(page)
    see_the_live_preview(page)
    simulate(page)
    publish(page)

    status, answer = running.request(
        "POST",
        "/api/v1/events",
        {
            "type": "user.welcomed",
            "recipient": {"email": "grace@example.com", "name": "Grace"},
            "ctx": {"user": {"name": "Grace"}},
        },
    )
    assert status == 202, answer
    assert running.wait(
        lambda: running.sink.copies()["grace@example.com"] == 1, seconds=10
    )
    assert running.wait(running.is_idle, seconds=10)

    see_it_in_event_history(page)
    page.screenshot(path=tmp_path / "event.png", full_page=True)


def create_from_the_template(page: Page) -> None:
    page.goto("/admin/templates_app/message/")
    page.get_by_role("link", name="Create transactional message").first.click()
    page.locator("[name=template]").first.check()
    page.fill("[name=label]", "Welcome")
    page.get_by_role("button", name="Create transactional message").click()
    page.wait_for_url("**/change/")


def fill_in(page: Page) -> None:
    page.get_by_text("Create a new event type").click()
    page.fill("[name=new_type_name]", "user.welcomed")
    page.fill("[name=new_type_label]", "User welcomed")
    page.fill("[name=context_sample]", '{"user": {"name": "Ada"}}')
    page.fill("[name=subject]", "Welcome, {{ ctx.user.name }}")
    page.select_option("[name=source_kind]", "mjml")
    page.fill("[name=source]", SOURCE)


def see_the_live_preview(page: Page) -> None:
    frame = page.frame_locator("iframe").first
    expect(frame.get_by_text("Welcome, Ada.")).to_be_visible()
    page.fill("[name=source]", SOURCE.replace("user.name", "user.nmae"))
    expect(page.get_by_text("ctx.user.nmae").first).to_be_visible()
    page.fill("[name=source]", SOURCE)
    expect(frame.get_by_text("Welcome, Ada.")).to_be_visible()


def simulate(page: Page) -> None:
    page.get_by_role("button", name="Simulate content").click()
    page.wait_for_url("**/simulate/**")
    expect(page.get_by_text("Welcome, Ada").first).to_be_visible()
    expect(
        page.frame_locator("iframe").first.get_by_text("Welcome, Ada.")
    ).to_be_visible()
    page.locator("a.tx-back").click()
    page.wait_for_url("**/change/")


def publish(page: Page) -> None:
    page.get_by_role("button", name="Publish…").click()
    page.wait_for_url("**/publish/")
    page.get_by_role("button", name="Publish").click()
    page.wait_for_url("**/change/")
    expect(page.get_by_text("Published").first).to_be_visible()


def see_it_in_event_history(page: Page) -> None:
    page.get_by_role("link", name="Event history").first.click()
    row = page.get_by_role("row").filter(has_text="grace@example.com")
    expect(row).to_contain_text("user.welcomed")
    expect(row).to_contain_text("Processed")
    row.get_by_role("link").first.click()
    expect(page.get_by_text("grace@example.com").first).to_be_visible()
    page.get_by_role("link", name="Preview").first.click()
    expect(page.get_by_text("Matches what was sent").first).to_be_visible()
    expect(
        page.frame_locator("iframe").first.get_by_text("Welcome, Grace.")
    ).to_be_visible()
