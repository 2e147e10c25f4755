"""The editor's page in real Chromium: code, picker, preview, findings, languages."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Response, expect

from tests import browsing, drill

pytestmark = pytest.mark.installation

SAMPLE = {
    "order": {"number": "A-17", "total": "59.90", "currency": "EUR"},
    "items": [{"name": "Mug", "price": 9.5}, {"name": "Cap", "price": 12}],
}
GIF = base64.b64decode("R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs=")
SOURCE = """\
<mjml><mj-body><mj-section><mj-column>
<mj-text>Order {{ ctx.order.number }} is packed.</mj-text>
</mj-column></mj-section></mj-body></mjml>"""


@pytest.fixture(scope="module")
def page(browser: Browser, running: drill.Installation) -> Iterator[Page]:
    """One page for all tests: each opens a draft anew, and leaves it unsaved."""
    base = f"http://127.0.0.1:{running.port}"
    with browsing.logged_in(browser, base) as opened:
        opened.on("dialog", lambda dialog: dialog.accept())
        yield opened


@pytest.fixture(scope="module", autouse=True)
def drafts(page: Page) -> dict[str, str]:
    """Return the addresses of an empty message of each channel."""
    return {channel: created(page, channel) for channel in ("email", "sms", "push")}


def ready(page: Page) -> None:
    page.wait_for_selector("form[data-ready]", state="attached")


def save(page: Page) -> None:
    """Save, and see it anew: the address stays, so that it says nothing."""
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).click()
    ready(page)


def created(page: Page, channel: str) -> str:
    """Make a message of a channel from its first template; return its address."""
    page.goto(f"/admin/templates_app/message/add/?channel={channel}")
    page.locator("[name=template]").first.check(force=True)
    page.fill("[name=label]", f"Page {channel}")
    page.locator("main form button").last.click()
    page.wait_for_url("**/change/**")
    return page.url


def begin(page: Page, address: str) -> None:
    """Open a message with a sample; an email also has a subject and MJML."""
    page.goto(address)
    ready(page)
    with page.expect_response(_is_of_the_sample) as vocabulary:
        page.fill("[name=context_sample]", json.dumps(SAMPLE, indent=2))
    vocabulary.value.finished()
    if page.locator("[data-kind=mjml]").count():
        page.locator("[data-kind=mjml]").click()
        page.fill("[name=subject]", "Order {{ ctx.order.number }}")
        page.fill("[name=source]", SOURCE)
        expect(
            page.frame_locator("[data-frame]").get_by_text("Order A-17")
        ).to_be_visible()


def _is_of_the_sample(response: Response) -> bool:
    """Say whether it tells what may be typed: what comes from the sample included."""
    asked = response.request
    return asked.url.endswith("/vocabulary/") and "A-17" in (asked.post_data or "")


def type_in_source(page: Page, text: str, *, after: str) -> None:
    page.evaluate(
        """(after) => {
          const { editor } = document.querySelector("[data-code-of=source]").env;
          editor.find(after);
          editor.selection.clearSelection();
          editor.focus();
        }""",
        after,
    )
    page.keyboard.type(text, delay=30)


def test_a_misspelt_path_is_marked_and_mended_by_one_click(
    page: Page, drafts: dict[str, str]
) -> None:
    begin(page, drafts["email"])
    page.fill("[name=source]", SOURCE.replace("order.number", "order.nubmer"))
    finding = page.locator(".txe-found-error li").first
    expect(finding).to_contain_text("ctx.order.nubmer")
    expect(finding).to_contain_text("source, line 2, column 19")
    expect(page.locator(".txe-squiggle-error")).to_have_count(1)
    expect(page.locator("[data-stale]")).to_have_count(1)
    shown = page.frame_locator("[data-frame]").get_by_text("Order A-17 is packed.")
    expect(shown).to_be_visible()  # the last good state
    finding.locator(".txe-jump").click()
    expect(page.locator("[data-code-of=source]")).to_have_class(re.compile("ace_focus"))
    finding.get_by_role("button", name="Did you mean ctx.order.number").click()
    expect(page.locator(".txe-found-error")).to_have_count(0)
    assert page.input_value("[name=source]") == SOURCE


def test_two_braces_complete_in_the_code_editor(
    page: Page, drafts: dict[str, str]
) -> None:
    begin(page, drafts["email"])
    type_in_source(page, " {{", after="is packed.")
    popup = page.locator(".ace_autocomplete")
    expect(popup).to_be_visible()
    page.keyboard.type("total", delay=30)
    chosen = popup.locator(".ace_line.ace_selected")
    expect(chosen).to_contain_text("ctx.order.total")
    page.keyboard.press("Enter")
    expect(popup).to_be_hidden()
    assert "is packed. {{ ctx.order.total }}" in page.input_value("[name=source]")
    expect(page.frame_locator("[data-frame]").get_by_text("59.90")).to_be_visible()


def test_two_braces_complete_in_an_input(page: Page, drafts: dict[str, str]) -> None:
    begin(page, drafts["email"])
    page.click("[name=preheader]")
    page.keyboard.type("For {{ curr", delay=30)
    chosen = page.locator("#txe-suggest [aria-selected=true]")
    expect(chosen).to_contain_text("ctx.order.currency")
    page.keyboard.press("Enter")
    assert page.input_value("[name=preheader]") == "For {{ ctx.order.currency }}"
    expect(page.locator("[data-preheader]")).to_have_text("For EUR")


def test_nobody_needs_to_know_a_path(page: Page, drafts: dict[str, str]) -> None:
    begin(page, drafts["email"])
    page.click("[name=subject]")
    page.keyboard.press("End")
    page.get_by_role("button", name="Personalize subject").click()
    picker = page.locator("dialog.txe-picker")
    picker.locator('[data-pick="ctx.order.total"]').click()
    expect(picker.locator(".txe-way").first).to_contain_text(
        "money: ctx.order.currency"
    )
    picker.get_by_role("button", name="Insert").click()
    wanted = (
        "Order {{ ctx.order.number }}{{ ctx.order.total | money: ctx.order.currency }}"
    )
    assert page.input_value("[name=subject]") == wanted
    expect(page.locator("[data-subject]")).to_have_text("Order A-17€59.90")
    page.get_by_role("button", name="Personalize source").click()
    picker.locator('[data-pick="ctx.items"]').click()
    picker.get_by_role("button", name="Insert").click()
    shown = page.frame_locator("[data-frame]").get_by_text("Cap")
    expect(shown).to_be_visible()


def test_the_picker_offers_an_item_s_fields_inside_of_a_loop(
    page: Page, drafts: dict[str, str]
) -> None:
    begin(page, drafts["email"])
    type_in_source(page, "{% for one in ctx.items %}", after="is packed.")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Personalize source").click()
    picker = page.locator("dialog.txe-picker")
    expect(picker.get_by_role("tab", name="Each one of ctx.items")).to_be_visible()
    picker.get_by_placeholder("Search").fill("price")
    picker.locator("[data-hit]").first.click()
    expect(picker.locator(".txe-way code").first).to_contain_text("one.price")


def test_a_content_block_is_personalized_by_the_same_picker(page: Page) -> None:
    page.goto("/admin/templates_app/contentblock/add/")
    page.wait_for_selector("#block-form[data-ready]", state="attached")
    page.get_by_label("Offer the data of").select_option(label="drill")
    page.get_by_role("button", name="Personalize html or mjml").click()
    picker = page.locator("dialog.txe-picker")
    expect(picker.get_by_role("tab", name="Content blocks")).to_have_count(0)
    picker.locator('[data-pick="ctx.number"]').click()
    picker.get_by_role("button", name="Insert").click()
    assert page.input_value("[name=html]").startswith("{{ ctx.number | default:")
    page.locator("[name=text]").press_sequentially("{{ recipient.na")
    page.get_by_role("option", name="recipient.name").click()
    assert page.input_value("[name=text]") == "{{ recipient.name }}"


def test_a_click_in_the_preview_selects_the_block(page: Page) -> None:
    begin(page, created(page, "email"))
    page.locator("[data-kind=blocks]").click()
    page.get_by_text("Start from an example").click()
    marked = page.frame_locator("[data-frame]").locator("[class*=tx-block-]")
    marked.nth(1).click()
    selected = page.locator("[data-blocks-root]").get_by_text("Text", exact=True)
    expect(selected.first).to_be_visible()
    frame = page.locator("[data-frame]")
    assert frame.get_attribute("sandbox") == "allow-same-origin"
    page.locator("[data-kind=mjml]").click()
    page.locator("#txe-convert [value=cancel]").click()
    expect(page.locator("[data-kind=blocks]")).to_have_attribute("aria-pressed", "true")
    page.locator("[data-kind=mjml]").click()
    page.locator("#txe-convert [value=convert]").click()
    expect(page.locator("[data-kind=mjml]")).to_have_attribute("aria-pressed", "true")
    assert "Thank you for your order" in page.input_value("[name=source]")
    save(page)
    page.locator("[data-kind=blocks]").click()  # the blocks are still there
    expect(page.locator("[data-blocks-root]")).to_contain_text("Thank you")


def test_what_is_misspelt_in_a_block_or_an_attachment_is_mended_by_one_click(
    page: Page, drafts: dict[str, str]
) -> None:
    begin(page, drafts["email"])
    page.locator("[data-kind=blocks]").click()
    page.get_by_role("button", name="Add block at the top").click()
    page.get_by_role("menuitem", name="Heading").click()
    text = page.locator(".txb-panel").get_by_label("Text", exact=True)
    text.fill("😀 {{ ctx.order.nubmer | upcsae }}")
    page.get_by_role("button", name="Did you mean ctx.order.number").click()
    page.locator(".txe-found").get_by_role("button", name="Did you mean upcase").click()
    expect(text).to_have_value("😀 {{ ctx.order.number | upcase }}")
    page.get_by_text("Attachments", exact=True).click()
    page.get_by_role("button", name="Add attachment").click()
    file = page.get_by_label("Address of the file")
    file.fill("https://files.example/{{ ctx.order.nubmer }}.pdf")
    page.get_by_role("button", name="Did you mean ctx.order.number").click()
    expect(file).to_have_value("https://files.example/{{ ctx.order.number }}.pdf")


def test_an_image_comes_with_its_words_and_changes_no_other_field(
    page: Page, drafts: dict[str, str]
) -> None:
    begin(page, drafts["email"])
    page.locator("[data-insert-image]").click()
    picture: FilePayload = {"name": "logo.gif", "mimeType": "image/gif", "buffer": GIF}
    page.set_input_files("dialog [type=file]", [picture])
    page.get_by_label("What does it show?").fill('Our "logo"')
    page.get_by_role("button", name="Insert image").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    source = page.input_value("[name=source]")
    assert re.search(r'</mj-text>\n<mj-image src="[^"]+" alt="Our &quot;', source)
    assert page.input_value("[name=label]") == "Page email"
    frame = page.frame_locator("[data-frame]")
    natural = "(image) => image.complete && image.naturalWidth"
    expect(frame.locator("img[alt*=logo]")).to_be_visible()
    assert frame.locator("img[alt*=logo]").evaluate(natural) == 1


def test_a_block_that_is_tapped_on_a_phone_stays_under_the_finger(
    page: Page, drafts: dict[str, str]
) -> None:
    begin(page, drafts["email"])
    page.locator("[data-kind=blocks]").click()
    page.get_by_text("Start from an example").click()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("[data-preview-status]")).to_have_text("Up to date")
    card = page.locator("[data-card]").nth(2)
    card.evaluate("(card) => card.scrollIntoView({ block: 'center' })")
    before = page.evaluate("scrollY")
    card.click()
    expect(card).to_have_attribute("aria-current", "true")
    assert abs(page.evaluate("scrollY") - before) < 300
    page.set_viewport_size(browsing.WIDE)


def test_samples_follow_the_event_type_without_a_save(
    page: Page, drafts: dict[str, str], running: drill.Installation
) -> None:
    running.manage("load_demo")
    page.goto(drafts["sms"])
    ready(page)
    offered = page.locator("[data-render-with] option")
    assert "Recent events" not in page.locator("[data-render-with]").inner_html()
    page.select_option("[name=event_type]", label="order.confirmed")
    expect(offered.filter(has_text="Empty lists")).to_have_count(1)
    page.fill("[name=text]", "It is {{ ctx.order.nubmer }}")
    expect(page.locator(".txe-found-error")).to_be_visible()


def test_scripts_of_an_email_do_not_run_in_the_preview(
    page: Page, drafts: dict[str, str]
) -> None:
    begin(page, drafts["email"])
    page.locator("[data-kind=html]").click()
    page.fill(
        "[name=source]",
        "<html><body onload=\"parent.document.title='x'\"><p>Shown</p>"
        "<img src=x onerror=\"parent.document.title='x'\">"
        "<script>parent.document.title='x'</script></body></html>",
    )
    shown = page.frame_locator("[data-frame]").get_by_text("Shown", exact=True)
    expect(shown).to_be_visible()
    page.fill("[name=source]", "<html><body><p>Shown again</p></body></html>")
    shown = page.frame_locator("[data-frame]").get_by_text("Shown again")
    expect(shown).to_be_visible()
    assert page.title() != "x"


def test_pasted_adobe_expressions_become_liquid(
    page: Page, drafts: dict[str, str]
) -> None:
    begin(page, drafts["email"])
    page.fill("[name=subject]", "Order <%= rtEvent.ctx.order.number %>")
    expect(page.locator("[data-note]")).to_contain_text("is now written as")
    assert page.input_value("[name=subject]") == "Order {{ rtEvent.ctx.order.number }}"
    expect(page.locator("[data-subject]")).to_have_text("Order A-17")


def test_characters_that_make_an_sms_dear_are_replaced_at_once(
    page: Page, drafts: dict[str, str]
) -> None:
    begin(page, drafts["sms"])
    page.fill("[name=text]", "It’s “ready” – {{ ctx.order.number }}…")
    counter = page.locator("[data-segments]").first
    expect(counter).to_contain_text("UCS-2")
    page.get_by_role("button", name="Replace all").click()
    expect(counter).to_contain_text("GSM-7")
    assert page.input_value("[name=text]") == (
        'It\'s "ready" - {{ ctx.order.number }}...'
    )


def test_the_options_of_a_push_message_are_fields(
    page: Page, drafts: dict[str, str]
) -> None:
    begin(page, drafts["push"])
    page.get_by_text("Options per platform", exact=True).click()
    page.locator('[data-option="ios/subtitle"]').fill("Hi {{ recipient.nmae }}")
    finding = page.locator(".txe-found-error .txe-jump").first
    expect(finding).to_contain_text("options, ios subtitle")
    page.locator('[data-option="ios/subtitle"]').fill("Hi")
    expect(page.locator(".txe-found-error")).to_have_count(0)
    assert json.loads(page.input_value("[name=options]")) == {"ios": {"subtitle": "Hi"}}


def test_another_language_is_opened_without_losing_what_was_typed(page: Page) -> None:
    begin(page, created(page, "email"))
    save(page)
    page.get_by_role("link", name="Add language…").click()
    page.select_option("#id_tag", "pl")
    page.get_by_role("button", name="Add language").click()
    page.wait_for_url("**language=pl")
    ready(page)
    page.fill("[name=subject]", "Zamówienie {{ ctx.order.number }}")
    page.get_by_role("link", name="English").click()
    page.locator("#txe-leave [value=save]").click()
    page.wait_for_url(lambda url: "language" not in url)
    ready(page)
    assert page.input_value("[name=subject]") == "Order {{ ctx.order.number }}"
    page.get_by_role("link", name="Polish").click()
    page.wait_for_url("**language=pl")
    ready(page)
    assert page.input_value("[name=subject]") == "Zamówienie {{ ctx.order.number }}"


def test_escape_then_tab_leaves_the_code_editor(
    page: Page, drafts: dict[str, str]
) -> None:
    begin(page, drafts["email"])
    type_in_source(page, "", after="is packed.")
    page.keyboard.press("Tab")
    assert "is packed.  " in page.input_value("[name=source]")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    inside = "document.activeElement.closest('[data-code-of=source]') !== null"
    assert page.evaluate(inside) is False


def test_the_sample_is_shown_and_changed_as_a_tree(
    page: Page, drafts: dict[str, str]
) -> None:
    begin(page, drafts["email"])
    page.get_by_role("button", name="As a tree").click()
    page.get_by_label("number", exact=True).fill("B-2")
    page.keyboard.press("Tab")
    expect(page.locator("[data-subject]")).to_have_text("Order B-2")


def test_the_page_fits_a_phone(page: Page, drafts: dict[str, str]) -> None:
    begin(page, drafts["email"])
    page.set_viewport_size({"width": 390, "height": 844})
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) <= 0
    page.get_by_role("button", name="Personalize subject").click()
    box = page.locator("dialog.txe-picker").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
