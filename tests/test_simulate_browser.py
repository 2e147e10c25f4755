"""Simulate in real Chromium: what is chosen stays, and what is off is not loaded."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from templates_app.framing import framed
from tests import drill

pytestmark = pytest.mark.installation

PICTURES = (
    '<p><img src="https://pictures.example/a.png" alt="The logo" height="40">'
    '<span style="background:url(https://pictures.example/b.png)">x</span></p>'
)


def test_images_that_are_off_are_not_loaded_and_say_what_they_show(
    browser: Browser,
) -> None:
    assert asked_for(browser, framed(PICTURES)) == {"/a.png", "/b.png"}
    assert asked_for(browser, framed(PICTURES, with_images=False)) == set()


def asked_for(browser: Browser, html: str) -> set[str]:
    """Return what a page of its own asks the server of its pictures for."""
    asked: set[str] = set()

    def refuse(route: Route) -> None:
        asked.add(urlsplit(route.request.url).path)
        route.abort()

    page = browser.new_page()
    page.route("https://pictures.example/**", refuse)
    page.set_content(html)
    expect(page.get_by_alt_text("The logo")).to_be_visible()
    page.close()
    return asked


def test_how_a_message_is_shown_stays_for_the_next_sample(
    page: Page, demonstrated: drill.Installation
) -> None:
    [(message,)] = demonstrated.query(
        "SELECT id FROM templates_app_message "
        "WHERE internal_name = 'order-confirmation'"
    )
    page.goto(f"/admin/templates_app/message/{message}/simulate/")
    frame = page.frame_locator("[data-frame]")
    expect(frame.get_by_text("Your order is confirmed").first).to_be_visible()
    width = page.locator("[data-width]")
    page.get_by_role("button", name="Phone").click()
    expect(width).to_have_text("390 px at 100 %")
    page.get_by_role("button", name="Images off").click()
    page.get_by_role("link", name="Next sample").click()
    page.wait_for_url("**/simulate/?sample=**")
    expect(width).to_have_text("390 px at 100 %")
    images = page.get_by_role("button", name="Images off")
    expect(images).to_have_attribute("aria-pressed", "true")
    expect(frame.locator("meta[content*=\"img-src 'none'\"]")).to_have_count(1)

    page.get_by_role("button", name="HTML source").click()
    expect(page.locator("[data-source]")).to_contain_text("<!doctype html>")
    page.get_by_label("Rendered from").select_option(label="Markup")
    page.wait_for_url("**persona%3Amarkup*")
    page.get_by_role("button", name="Plain text").click()
    expect(page.locator("[data-pane=text]")).to_contain_text("<script>alert(1)")
