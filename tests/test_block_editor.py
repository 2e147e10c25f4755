"""The visual block editor in real Chromium, on a page of its own: no server."""

from __future__ import annotations

import importlib.util
import mimetypes
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    Locator,
    Page,
    Request,
    Route,
    expect,
)

from templates_app.rendering.blocks import describe, problems_of_document

pytestmark = pytest.mark.installation

SITE = "http://editor.example"
PIXEL = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'
# What unfold writes into each of its pages, and what the page around the editor does.
PAGE = """<!doctype html>
<html lang="en"><head><title>Blocks</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>:root {
--color-base-50: #f9fafb; --color-base-100: #f3f4f6; --color-base-200: #e5e7eb;
--color-base-300: #d1d5dc; --color-base-400: #99a1af; --color-base-500: #6a7282;
--color-base-600: #4a5565; --color-base-700: #364153; --color-base-800: #1e2939;
--color-base-900: #101828; --color-base-950: #030712;
--color-primary-50: #f0f9f6; --color-primary-300: #80cbb5;
--color-primary-600: #0f6d57; --color-primary-700: #0d5847;
--color-primary-950: #06211c; }
body { margin: 0; padding: 16px; background: #fff; }
.dark body { background: #101828; }</style>
<link rel="stylesheet" href="/static/unfold/fonts/inter/styles.css">
<link rel="stylesheet" href="/static/unfold/fonts/material-symbols/styles.css">
<link rel="stylesheet" href="/static/templates_app/authoring.css">
<link rel="stylesheet" href="/static/unfold/css/styles.css">
<link rel="stylesheet" href="/static/templates_app/blocks.css">
</head><body><main class="tx-form"><form id="form">
<fieldset><div id="place"></div></fieldset></form></main>
<script type="module">
import { mountBlockEditor } from "/static/templates_app/blocks/editor.js";
document.getElementById("form").addEventListener("submit", (event) => {
  event.preventDefault();
  window.submitted += 1;
});
window.start = (given) => {
  window.editor?.destroy();
  Object.assign(window, { changes: [], picked: [], submitted: 0 });
  window.editor = mountBlockEditor(document.getElementById("place"), {
    ...given,
    onChange: (changed) => window.changes.push(changed),
    openPicker: (input, scope) => {
      window.picked.push(scope ?? null);
      const path = scope ? `${scope.itemName}.title` : "ctx.user.name";
      input.setRangeText(`{{ ${path} }}`);
      input.dispatchEvent(new Event("input", { bubbles: true }));
    },
    uploadImage: async (file) => ({ url: `/media/${file.name}` }),
  });
};
document.documentElement.dataset.ready = "1";
</script></body></html>"""


def node(path: str, kind: str, sample: Any = None, *children: Any) -> dict[str, Any]:
    """Return a node of the vocabulary, as the server's answer has it."""
    name = path.split(".")[-1]
    insert = f"{{{{ {path.replace('ctx.items[]', 'item')} }}}}"
    return {
        "name": name,
        "path": path,
        "insert": insert,
        "kind": kind,
        "sample": sample,
        "children": list(children),
    }


VOCABULARY: dict[str, Any] = {
    "context": [
        node("ctx.total", "number", 120),
        node("ctx.vip", "boolean", True),
        node("ctx.user", "object", None, node("ctx.user.name", "string", "Ada")),
        node(
            "ctx.items",
            "array",
            None,
            node("ctx.items[].title", "string", "Lamp"),
            node("ctx.items[].price", "number", 12),
        ),
    ],
    "recipient": [node("recipient.name", "string", "Ada")],
}
ORDER: dict[str, Any] = {
    "version": 1,
    "settings": {"width": 600, "of_tomorrow": "kept"},
    "future": [1, 2],
    "blocks": [
        {"id": "b1", "kind": "heading", "text": "Thank you, {{ ctx.user.name }}"},
        {
            "id": "b2",
            "kind": "text",
            "text": "<p>It is <strong>on its way</strong>.</p>",
        },
        {
            "id": "b3",
            "kind": "columns",
            "columns": [
                {"width": 50, "blocks": [{"id": "b4", "kind": "image", "src": ""}]},
                {"width": 50, "blocks": [], "sort": "kept"},
            ],
        },
        {"id": "b5", "kind": "hologram", "depth": {"of": 3}},
        {"id": "b6", "kind": "button", "text": "Follow it", "link": "{{ ctx.url }}"},
    ],
}


@pytest.fixture(scope="module")
def loaded(browser: Browser) -> Iterator[Page]:
    """A page with the editor's files, loaded once."""
    opened = browser.new_page()

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(SITE)
        if path == "/":
            route.fulfill(body=PAGE, content_type="text/html; charset=utf-8")
        elif path.startswith("/static/"):
            found = static_file(path.removeprefix("/static/"))
            kind = mimetypes.guess_type(found)[0]
            route.fulfill(body=found.read_bytes(), content_type=kind)
        else:
            route.fulfill(body=PIXEL, content_type="image/svg+xml")

    opened.route("**/*", answer)
    opened.goto(f"{SITE}/")
    opened.locator("html[data-ready]").wait_for()
    yield opened
    opened.close()


@pytest.fixture
def page(loaded: Page) -> Iterator[Page]:
    """The page, wide and light; nothing in it may raise or be asked of elsewhere."""
    faults: list[str] = []

    def note_error(error: object) -> None:
        faults.append(str(error))

    def note_request(request: Request) -> None:
        if not request.url.startswith((SITE, "data:")):
            faults.append(request.url)

    loaded.set_viewport_size({"width": 1100, "height": 900})
    loaded.on("pageerror", note_error)
    loaded.on("request", note_request)
    yield loaded
    loaded.remove_listener("pageerror", note_error)
    loaded.remove_listener("request", note_request)
    assert faults == []


def static_file(name: str) -> Path:
    """Return the file of a static name of ours or of unfold."""
    package = importlib.util.find_spec(name.split("/")[0])
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "static" / name


def mount(page: Page, document: Any = None, **options: Any) -> None:
    """Put a new editor into the page, with a document and a vocabulary."""
    given = {"document": document, "kinds": describe(), "vocabulary": VOCABULARY}
    page.evaluate("document.documentElement.className = ''")
    page.evaluate("(given) => start(given)", given | options)


def document(page: Page) -> Any:
    return page.evaluate("editor.document()")


def order(page: Page) -> list[str]:
    """Return the ids of the outermost blocks."""
    return [block["id"] for block in document(page)["blocks"]]


def card(page: Page, block: str) -> Locator:
    return page.locator(f'[data-card="{block}"]')


def panel(page: Page) -> Locator:
    return page.locator(".txb-panel")


def choose(page: Page, label: str, value: str) -> None:
    panel(page).get_by_label(label, exact=True).select_option(value)


def test_what_the_editor_does_not_know_survives_it(page: Page) -> None:
    mount(page, ORDER)
    assert document(page) == ORDER

    card(page, "b5").click()
    expect(panel(page)).to_contain_text("kept exactly as it is")
    card(page, "b1").click()
    panel(page).get_by_label("Text", exact=True).fill("Hello")
    assert document(page)["blocks"][0] == {**ORDER["blocks"][0], "text": "Hello"}
    page.keyboard.press("Control+z")
    assert document(page) == ORDER


def test_a_block_is_added_by_keyboard_and_its_first_field_waits(page: Page) -> None:
    mount(page, None)
    page.get_by_role("button", name="Add block at the top").press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.type("Buy & go")
    page.keyboard.press("Enter")

    (button,) = document(page)["blocks"]
    assert button["kind"] == "button"
    assert button["text"] == "Buy & go"
    assert page.evaluate("changes.at(-1).blocks[0].text") == "Buy & go"
    assert page.evaluate("submitted") == 0
    page.keyboard.press("Escape")
    expect(card(page, button["id"])).to_be_focused()
    expect(card(page, button["id"])).to_have_accessible_name("Button: Buy & go, 1 of 1")


def test_the_example_and_every_filled_in_kind_are_good_documents(page: Page) -> None:
    mount(page, None)
    page.get_by_role("button", name="Start from an example").click()
    made = document(page)
    assert [block["kind"] for block in made["blocks"]][2] == "products"
    assert problems_of_document(made) == []
    page.get_by_role("button", name="Undo", exact=True).click()
    for kind in ("Columns", "Image", "Social links", "MJML", "Space"):
        page.get_by_role("button", name="Add block at the top").click()
        page.get_by_role("menuitem", name=kind).click()
    kinds = [block["kind"] for block in document(page)["blocks"]]
    assert kinds == ["spacer", "raw", "social", "image", "columns"]
    columns = document(page)["blocks"][-1]
    assert problems_of_document({"blocks": [columns]}) == []


def test_keys_move_a_block_also_into_columns_and_out_again(page: Page) -> None:
    mount(page, ORDER)
    card(page, "b2").focus()
    page.keyboard.press("Alt+ArrowUp")
    assert order(page)[:2] == ["b2", "b1"]
    expect(card(page, "b2")).to_be_focused()
    expect(page.locator(".txb-spoken")).to_contain_text("now 1 of 5")

    page.keyboard.press("Alt+ArrowDown")
    page.keyboard.press("Alt+ArrowRight")
    first, second = document(page)["blocks"][1]["columns"]
    assert [block["id"] for block in first["blocks"]] == ["b4", "b2"]
    page.keyboard.press("Alt+ArrowRight")
    first, second = document(page)["blocks"][1]["columns"]
    assert [block["id"] for block in second["blocks"]] == ["b2"]
    assert second["sort"] == "kept"
    page.keyboard.press("Alt+ArrowDown")
    assert order(page) == ["b1", "b3", "b2", "b5", "b6"]
    card(page, "b3").focus()
    page.keyboard.press("Alt+ArrowRight")
    assert order(page) == ["b1", "b3", "b2", "b5", "b6"]


def drag(page: Page, block: str, target: Locator, *, down: float = 0.5) -> None:
    """Drag a block's card to a place on a target, `down` of its height from its top."""
    start, end = card(page, block).bounding_box(), target.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 60, start["y"] + 20)
    page.mouse.down()
    page.mouse.move(start["x"] + 70, start["y"] + 40)
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] * down)
    expect(page.locator(".txb-drop-line")).to_have_count(1)


def test_a_card_is_dragged_into_a_column_and_to_another_place(page: Page) -> None:
    mount(page, ORDER)
    drag(page, "b6", page.locator(".txb-column").nth(1))
    page.mouse.up()
    assert order(page) == ["b1", "b2", "b3", "b5"]
    assert document(page)["blocks"][2]["columns"][1]["blocks"][0]["id"] == "b6"

    drag(page, "b6", card(page, "b1"), down=0.2)
    page.mouse.up()
    assert order(page) == ["b6", "b1", "b2", "b3", "b5"]
    drag(page, "b1", card(page, "b5"), down=0.9)
    page.keyboard.press("Escape")
    page.mouse.up()
    assert order(page) == ["b6", "b1", "b2", "b3", "b5"]
    # What may not stand in columns lands beside them.
    drag(page, "b5", page.locator(".txb-column").nth(1))
    page.mouse.up()
    assert order(page) == ["b6", "b1", "b2", "b3", "b5"]


def test_delete_is_taken_back_by_the_toast_and_by_the_keys(page: Page) -> None:
    mount(page, ORDER)
    card(page, "b3").focus()
    page.keyboard.press("Delete")
    assert order(page) == ["b1", "b2", "b5", "b6"]
    expect(card(page, "b5")).to_be_focused()
    page.locator(".txb-toast").get_by_role("button", name="Undo").click()
    assert document(page) == ORDER

    page.keyboard.press("Control+Shift+z")
    assert order(page) == ["b1", "b2", "b5", "b6"]
    page.get_by_role("button", name="Undo", exact=True).click()
    card(page, "b3").click()
    page.get_by_role("button", name="Duplicate: Columns").click()
    copy = document(page)["blocks"][3]
    assert copy["columns"][0]["blocks"][0]["id"] not in {"b4", copy["id"]}
    assert len(set(page.evaluate("changes.at(-1).blocks.map((b) => b.id)"))) == 6


def test_columns_that_become_fewer_lose_no_block(page: Page) -> None:
    columns = [{"width": 25, "blocks": []} for _ in range(4)]
    columns[3]["blocks"] = [{"id": "b9", "kind": "spacer"}]
    mount(page, {"blocks": [{"id": "b1", "kind": "columns", "columns": columns}]})
    card(page, "b1").click()
    panel(page).get_by_label("2 columns, 33/67").check(force=True)
    assert document(page)["blocks"][0]["columns"] == [
        {"width": 33, "blocks": []},
        {"width": 67, "blocks": [{"id": "b9", "kind": "spacer"}]},
    ]


def test_a_condition_and_a_repetition_are_chosen_and_never_typed(page: Page) -> None:
    mount(page, ORDER)
    card(page, "b1").click()
    page.get_by_text("Show if and repeat").click()
    choose(page, "Show this block", "ctx.vip")
    assert document(page)["blocks"][0]["show_if"]["op"] == "is_true"
    choose(page, "Show this block", "ctx.total")
    choose(page, "Condition", "greater")
    panel(page).get_by_label("Value").fill("100")
    assert document(page)["blocks"][0]["show_if"] == {
        "path": "ctx.total",
        "op": "greater",
        "value": "100",
    }
    expect(card(page, "b1")).to_contain_text("if total is greater than 100")

    choose(page, "Repeat this block", "ctx.items")
    assert document(page)["blocks"][0]["repeat"] == {
        "path": "ctx.items",
        "as": "item",
        "first": 1,
        "max": 20,
    }
    panel(page).get_by_role("button", name="Personalize").first.click()
    assert page.evaluate("picked[0].collectionPath") == "ctx.items"
    assert "{{ item.title }}" in document(page)["blocks"][0]["text"]
    panel(page).get_by_label("Name of one item").fill("thing")
    assert "{{ thing.title }}" in document(page)["blocks"][0]["text"]
    expect(panel(page).get_by_label("Name of one item")).to_be_focused()
    expect(panel(page).get_by_label("Text", exact=True)).to_have_value(
        re.compile("thing.title")
    )
    choose(page, "Repeat this block", "")
    choose(page, "Show this block", "")
    assert document(page)["blocks"][0]["repeat"] is None
    assert document(page)["blocks"][0]["show_if"] is None


def test_a_product_list_fills_itself_in_from_the_list_chosen(page: Page) -> None:
    mount(page, {"blocks": [{"id": "b1", "kind": "products", "price": "ask"}]})
    card(page, "b1").press("Enter")
    choose(page, "List of items", "ctx.items")
    (block,) = document(page)["blocks"]
    assert block["path"] == "ctx.items"
    assert block["title"] == "{{ item.title }}"
    assert block["price"] == "ask"
    panel(page).get_by_role("button", name="Personalize").last.click()
    assert page.evaluate("picked[0].itemName") == "item"


def test_the_toolbar_of_a_text_gives_it_form(page: Page) -> None:
    mount(page, {"blocks": [{"id": "b1", "kind": "text", "text": "one two"}]})
    card(page, "b1").press("Enter")
    text = panel(page).get_by_label("Text", exact=True)
    text.evaluate("(input) => input.setSelectionRange(0, 3)")
    page.get_by_role("button", name="Bold").click()
    expect(text).to_have_value("<strong>one</strong> two")
    text.press("Control+b")
    expect(text).to_have_value("one two")
    text.press("Control+k")
    page.keyboard.type('https://a.example/?x="{{ ctx.a | default: "b" }}')
    page.keyboard.press("Enter")
    written = (
        "<a href=\"https://a.example/?x=%22{{ ctx.a | default: 'b' }}\">one</a> two"
    )
    assert document(page)["blocks"][0]["text"] == written


def test_an_image_is_uploaded_and_colours_inherit(page: Page) -> None:
    mount(page, ORDER)
    card(page, "b4").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload…").click()
    picture = {"name": "a.png", "mimeType": "image/png", "buffer": b"x"}
    chooser.value.set_files(picture)  # type: ignore[arg-type]
    expect(panel(page).get_by_label("Image address", exact=True)).to_have_value(
        "/media/a.png"
    )
    assert document(page)["blocks"][2]["columns"][0]["blocks"][0]["src"] != ""

    card(page, "b6").click()
    color = panel(page).get_by_label("Background", exact=True)
    color.fill("#ABC")
    assert document(page)["blocks"][4]["background"] == "#abc"
    color.fill("#ABCZ")
    assert document(page)["blocks"][4]["background"] == "#abc"
    page.get_by_role("button", name="Background: inherit").click()
    assert "background" not in document(page)["blocks"][4]


def test_findings_stand_on_the_card_and_at_the_field(page: Page) -> None:
    mount(page, ORDER)
    finding = {
        "severity": "error",
        "code": "unknown_path",
        "path": "ctx.url",
        "message": "ctx.url is not in the contract",
        "suggestion": "did you mean ctx.user.name?",
        "part": "blocks/b6/link",
    }
    page.evaluate("(findings) => editor.setFindings(findings)", [finding])
    expect(card(page, "b6")).to_have_accessible_name(
        "Button: Follow it, 5 of 5, 1 error"
    )
    page.evaluate("editor.select('b6', 'link')")
    link = panel(page).get_by_label("Link", exact=True)
    expect(link).to_be_focused()
    expect(link).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Use ctx.user.name").click()
    expect(link).to_have_value("{{ ctx.user.name }}")
    page.evaluate("editor.setFindings([])")
    expect(page.get_by_text("is not in the contract")).to_have_count(0)


def test_who_may_only_read_changes_nothing(page: Page) -> None:
    mount(page, ORDER, readOnly=True)
    card(page, "b2").focus()
    for keys in ("Delete", "Alt+ArrowUp", "Control+z"):
        page.keyboard.press(keys)
    card(page, "b1").click()
    expect(panel(page).get_by_label("Text", exact=True)).to_be_disabled()
    expect(page.get_by_role("button", name="Add block")).to_have_count(0)
    assert document(page) == ORDER
    assert page.evaluate("changes.length") == 0


def test_markup_in_a_document_is_only_ever_shown(page: Page) -> None:
    evil = '<img src=x onerror="window.hacked = 1"><script>window.hacked = 1</script>'
    blocks = [
        {"id": "b1", "kind": evil, "text": evil},
        {
            "id": "b2",
            "kind": "text",
            "text": evil,
            "show_if": {"path": evil, "op": evil},
        },
        {"id": evil, "kind": "image", "src": "javascript:hacked=1", "alt": evil},
    ]
    finding = {"severity": "error", "message": evil, "part": "blocks/b2/text"}
    mount(page, {"blocks": blocks})
    page.evaluate("(finding) => editor.setFindings([finding])", finding)
    for at in range(3):
        page.locator("[data-card]").nth(at).click()
    assert page.evaluate("window.hacked") is None
    assert page.locator("#place :is(script, img)").count() == 0
