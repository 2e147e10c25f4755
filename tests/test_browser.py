"""A new user's way in real Chromium: from a template to a mail, no path typed by hand.

With TUTORIAL_PICTURES set to a folder it writes the pictures of docs/tutorial there.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import drill

pytestmark = pytest.mark.installation

PICTURES = os.environ.get("TUTORIAL_PICTURES", "")


def test_a_new_user_comes_from_a_template_to_a_mail_in_the_inbox(
    page: Page, running: drill.Installation
) -> None:
    """Template, message, sample, personalize, simulate, proof, publish, event."""
    choose_a_template(page)
    bind_an_event_type(page)
    personalize(page)
    simulate(page)
    send_a_proof(page, running)
    publish(page)
    post_an_event_as_the_api_preview_says(page, running)
    see_it_in_event_history(page)


def picture(page: Page, name: str) -> None:
    """Keep what the page shows, when asked for."""
    if PICTURES:
        page.wait_for_timeout(400)  # until what fades has faded
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def choose_a_template(page: Page) -> None:
    page.goto("/admin/templates_app/message/")
    page.get_by_role("link", name="Create transactional message").first.click()
    page.get_by_role("radio", name=re.compile("Order confirmation")).first.check()
    page.get_by_label("Label").fill("Order placed")
    picture(page, "wizard")
    page.get_by_role("button", name="Create transactional message").click()
    page.wait_for_url("**/change/")


def bind_an_event_type(page: Page) -> None:
    """The template brings a sample; the event type's contract is made of it."""
    page.get_by_text("Create a new event type").click()
    page.fill("[name=new_type_name]", "order.placed")
    page.fill("[name=new_type_label]", "Order placed")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/change/**")
    expect(page.get_by_text("“Order placed” is saved.")).to_be_visible()
    expect(page.locator("[name=event_type] option:checked")).to_have_text(
        re.compile("order.placed|Order placed")
    )


def personalize(page: Page) -> None:
    """What the event holds is chosen from a tree, never typed."""
    page.fill("[name=subject]", "Thank you! Your order ")
    page.get_by_role("button", name="Personalize subject").click()
    picker = page.locator("dialog.txe-picker")
    picker.locator('[data-pick="ctx.order.number"]').click()
    picture(page, "personalize")
    picker.get_by_role("button", name="Insert").click()
    expect(page.locator("[data-subject]")).to_have_text(
        re.compile(r"Thank you! Your order \S+")
    )
    expect(page.locator("[data-preview-status]")).to_have_text("Up to date")
    picture(page, "editor")


def simulate(page: Page) -> None:
    page.get_by_role("button", name="Simulate content").click()
    page.wait_for_url("**/simulate/**")
    expect(page.get_by_text("Thank you! Your order").first).to_be_visible()
    picture(page, "simulate")
    page.get_by_role("link", name="All samples").click()
    expect(page.get_by_text(re.compile(r"^\d+ of \d+ render"))).to_be_visible()
    picture(page, "all-samples")
    page.get_by_role("link", name="One sample").click()
    page.wait_for_url("**/simulate/**")


def send_a_proof(page: Page, running: drill.Installation) -> None:
    page.get_by_role("link", name="Send proof").click()
    page.get_by_label("Other addresses").fill("proof@customer.example")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Send the proof now").click()
    row = page.get_by_role("row").filter(has_text="proof@customer.example")
    expect(row).to_contain_text("Sent")
    picture(page, "proof")
    assert running.sink.copies()["proof@customer.example"] == 1


def publish(page: Page) -> None:
    page.goto("/admin/templates_app/message/")
    page.get_by_role("link", name="Order placed").first.click()
    page.get_by_role("button", name="Publish…").click()
    page.wait_for_url("**/publish/**")
    button = page.get_by_role("button", name="Publish", exact=True)
    expect(button).to_be_enabled()
    picture(page, "review")
    button.click()
    page.wait_for_url("**/change/**")
    expect(page.get_by_text("is live as version 1")).to_be_visible()


def post_an_event_as_the_api_preview_says(
    page: Page, running: drill.Installation
) -> None:
    """What the page shows is what a developer runs, as it stands."""
    page.goto("/admin/events/eventtype/")
    page.get_by_role("link", name="order.placed").first.click()
    page.wait_for_url("**/change/**")
    code = page.locator("#api-preview, [data-api-preview]").first
    code.scroll_into_view_if_needed()
    picture(page, "api-preview")
    command = page.locator("pre", has_text="curl").first.inner_text()
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "TXMSG_KEY": running.key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert '"pending"' in done.stdout, done.stdout + done.stderr
    assert running.wait(
        lambda: running.sink.copies()["ada@example.com"] == 1, seconds=60
    )
    assert running.wait(running.is_idle, seconds=60)


def see_it_in_event_history(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_role("link", name="Event history").first.click()
    row = page.get_by_role("row").filter(has_text="ada@example.com").first
    expect(row).to_contain_text("order.placed")
    expect(row).to_contain_text("Processed")
    row.get_by_role("link").first.click()
    expect(page.get_by_text("ada@example.com").first).to_be_visible()
    picture(page, "event")
    page.get_by_role("link", name="Preview").first.click()
    expect(page.get_by_text("Matches what was sent").first).to_be_visible()
    picture(page, "preview-of-sent")
