"""Every screen that an email's author meets, looked at by axe: light, dark and narrow.

Pages of django.contrib.auth are not ours. A page passes with no serious or critical
finding, and with nothing wider than a phone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests import browsing, drill

pytestmark = pytest.mark.installation

BAD = ("serious", "critical")
# Frames hold emails, which are no page of ours.
RUN = """
async ([bad, within]) => {
  const found = [];
  const dark = document.documentElement.classList;
  const look = async (theme, more) => {
    dark.toggle("dark", theme === "dark");
    const options = { resultTypes: ["violations"], iframes: false, ...more };
    const { violations } = await axe.run(within, options);
    const worst = violations.filter(({ impact }) => bad.includes(impact));
    for (const { id, nodes } of worst) {
      for (const node of nodes) found.push(`${theme} ${id}: ${node.failureSummary}`);
    }
  };
  await look("light", {});
  await look("dark", { runOnly: { type: "rule", values: ["color-contrast"] } });
  dark.remove("dark");
  return found;
}
"""
_REFUSED = """
    SELECT max(r.id) FROM events_refusedrequest r
    JOIN events_source s ON s.id = r.source_id WHERE s.name = 'axe' GROUP BY s.id
"""
NARROW: ViewportSize = {"width": 390, "height": 844}
PAGES = [
    "message/",
    "message/add/",
    "template/",
    "template/{template}/change/",
    "message/{message}/change/",
    "message/{message}/simulate/",
    "message/{message}/grid/",
    "message/{message}/coverage/",
    "message/{message}/proof/",
    "message/{message}/proofs/",
    "message/{message}/publish/",
    "message/{message}/versions/",
    "message/{message}/version/1/",
    "message/{message}/compare/?a=1&b=draft",
    "message/{message}/rollback/1/",
    "message/{message}/log/",
    "message/{message}/languages/",
    "message/{message}/unpublish/",
    "message/{message}/duplicate/",
    "message/{message}/import/",
    "message/{blocks}/delete/",
    "folder/",
    "folder/add/",
    "contentblock/",
    "contentblock/add/",
    "contentblock/{block}/change/",
    "image/",
    "testprofile/",
    "testprofile/add/",
]
ELSEWHERE = [
    "/admin/events/eventtype/",
    "/admin/events/eventtype/{type}/change/",
    "/admin/history/execution/",
    "/admin/events/webhookendpoint/",
    "/admin/events/webhookendpoint/add/",
    "/admin/events/webhookendpoint/{webhook}/change/",
    "/admin/events/webhookendpoint/{webhook}/rotate/",
    "/admin/events/webhookendpoint/{webhook}/recover/do/",
    "/admin/events/webhookmessage/",
    "/admin/events/webhookmessage/{told}/change/",
    "/admin/events/source/{source}/change/",
    "/admin/events/source/{source}/keys/{key}/rotate/",
    "/admin/events/refusedrequest/",
    "/admin/events/refusedrequest/{refused}/change/",
]


@pytest.fixture(scope="module")
def ids(demonstrated: drill.Installation) -> dict[str, Any]:
    """Return rows of the demonstration: a live message, a draft of blocks, a type."""
    [(message, event_type)] = demonstrated.query(
        "SELECT id, event_type_id FROM templates_app_message "
        "WHERE internal_name = 'order-confirmation'"
    )
    [(template,)] = demonstrated.query(
        "SELECT id FROM templates_app_template "
        "WHERE internal_name = 'order-confirmation-blocks'"
    )
    [(block,)] = demonstrated.query(
        "SELECT id FROM templates_app_contentblock WHERE internal_name = 'salutation'"
    )
    webhook, told = told_of_something(demonstrated)
    source, key, refused = refused_something(demonstrated)
    return {
        "message": message,
        "type": event_type,
        "template": template,
        "block": block,
        "webhook": webhook,
        "told": told,
        "source": source,
        "key": key,
        "refused": refused,
    }


def told_of_something(running: drill.Installation) -> tuple[Any, int]:
    """Return an endpoint that fails, and a message that it did not take."""
    [(webhook,)] = running.query(
        "INSERT INTO events_webhookendpoint (id, source_id, url, description, events,"
        " event_types, status, secret_seed, old_secret_seed, failures, failing_since,"
        " last_problem) SELECT gen_random_uuid(), id, 'https://192.0.2.1/hooks', '',"
        " '{}', '{}', 'disabled', 'seed:', '', 9, now(), 'It answered 500.'"
        " FROM events_source LIMIT 1 RETURNING id"
    )
    [(told,)] = running.query(
        "INSERT INTO events_webhookmessage (endpoint_id, name, data, occurred_at,"
        f" due_at, attempts) VALUES ('{webhook}', 'event.failed', '{{}}', now(), now(),"
        " 1) RETURNING id"
    )
    running.query(
        "INSERT INTO events_webhookattempt (message_id, number, started_at, seconds,"
        f" status_code, answer, problem) VALUES ({told}, 1, now(), 0.1, 500, 'broken',"
        " 'It answered 500.') RETURNING number"
    )
    return webhook, told


def refused_something(running: drill.Installation) -> tuple[int, int, int]:
    """Return a source that was refused, its key, and the request."""
    body = {"type": "order.confirmed", "recipient": {"email": "ada"}, "ctx": {"a b": 1}}
    drills = running.key
    running.key = running.manage("create_api_key", "--source=axe").split()[-1]
    assert running.request("POST", "/api/v1/events", body)[0] == 422
    running.key = drills
    [(source, key)] = running.query(
        "SELECT k.source_id, k.id FROM events_apikey k JOIN events_source s "
        "ON s.id = k.source_id WHERE s.name = 'axe'"
    )
    # A thread of the web process writes it within a second or two.
    assert running.wait(lambda: bool(running.query(_REFUSED)), seconds=60)
    [(refused,)] = running.query(_REFUSED)
    return source, key, refused


@pytest.fixture(scope="module")
def page(
    browser: Browser, running: drill.Installation, ids: dict[str, Any]
) -> Iterator[Page]:
    """Return a page of an administrator, and a draft made of blocks."""
    base = f"http://127.0.0.1:{running.port}"
    with browsing.logged_in(browser, base) as opened:
        opened.goto(f"/admin/templates_app/message/add/?template={ids['template']}")
        opened.fill("[name=label]", "Made of blocks")
        opened.get_by_role("button", name="Create transactional message").click()
        opened.wait_for_url("**/change/")
        ids["blocks"] = int(opened.url.split("/")[-3])
        yield opened


def bad_in_both(page: Page, within: str = "html") -> list[str]:
    """Return what axe finds serious or critical in a part of a page, in both themes.

    In dark only the colours are looked at: nothing else differs.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
        page.add_style_tag(content="*, ::before { transition: none !important }")
    found: list[str] = page.evaluate(RUN, [list(BAD), within])
    return found


def opened(page: Page, address: str) -> None:
    """Open a page; an editor has shown its preview then."""
    page.set_viewport_size(browsing.WIDE)
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 200
    if page.locator("#draft-form").count():
        page.wait_for_selector("form[data-ready]", state="attached")


@pytest.mark.parametrize("path", [*PAGES, *ELSEWHERE])
def test_a_page_is_usable_by_everybody(
    page: Page, ids: dict[str, Any], path: str
) -> None:
    """In light and dark; at 390 px nothing has to be scrolled sideways."""
    address = path.format(**ids)
    if not address.startswith("/"):
        address = f"/admin/templates_app/{address}"
    opened(page, address)
    assert bad_in_both(page) == []
    page.set_viewport_size(NARROW)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"]


def test_what_opens_over_the_editor_is_usable_too(
    page: Page, ids: dict[str, Any]
) -> None:
    opened(page, f"/admin/templates_app/message/{ids['blocks']}/change/")
    page.fill("[name=subject]", "Order {{ ctx.order.nmber }}")
    expect(page.locator(".txe-found-error li").first).to_be_visible()
    page.locator("[data-card]").nth(1).click()
    page.get_by_text("Show if and repeat").click()
    assert bad_in_both(page) == []
    page.get_by_role("button", name="Personalize subject").click()
    page.locator('[data-pick="ctx.order.number"]').click()
    assert bad_in_both(page, "dialog[open]") == []
    page.keyboard.press("Escape")
    page.locator("[data-kind=mjml]").click()
    assert bad_in_both(page, "dialog[open]") == []
    page.locator("#txe-convert [value=switch]").click()
    page.locator("[data-insert-image]").click()
    expect(page.get_by_role("heading", name="Choose an image")).to_be_visible()
    assert bad_in_both(page, "dialog[open]") == []
    page.keyboard.press("Escape")
    page.set_viewport_size(NARROW)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"]
