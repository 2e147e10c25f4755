"""The page of an event type in real Chromium: values, JSON, fields and code in step."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.installation

SAMPLE = {"cart": {"items": [{"name": "Lamp", "price": 149}], "url": "https://a.test"}}


def test_samples_fields_and_code_go_together(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/admin/events/eventtype/add/")
    page.fill("[name=name]", "cart.left")
    page.fill("[name=label]", "Cart left")
    edit_the_typical_sample(page)
    add_a_sample_without_a_price(page)
    infer_the_contract(page)
    edit_the_table(page)
    save_and_see_it_again(page)
    copy_the_code(page)


def edit_the_typical_sample(page: Page) -> None:
    tree = page.locator("[data-prefix=sample] [data-tree]")
    page.fill("[name=sample]", '{"cart": ')
    expect(page.get_by_role("button", name="Line 1, column 10")).to_be_visible()
    page.fill("[name=sample]", json.dumps(SAMPLE))
    name = tree.get_by_label("name", exact=True)
    expect(name).to_have_value("Lamp")
    name.fill("Oak lamp")
    name.blur()
    assert "Oak lamp" in page.input_value("[name=sample]")
    tree.get_by_role("button", name="Add an item").click()
    assert page.input_value("[name=sample]").count("Oak lamp") == 2


def add_a_sample_without_a_price(page: Page) -> None:
    page.get_by_role("button", name="Add a sample").click()
    page.fill("[name=samples-0-name]", "No price")
    panel = page.locator("[data-prefix=samples-0]")
    remove = panel.get_by_role("button", name="Remove cart.items[0].price", exact=True)
    remove.click()
    assert page.input_value("[name=samples-0-ctx]").count("price") == 1


def infer_the_contract(page: Page) -> None:
    page.get_by_role("button", name="Infer from samples").click()
    expect(page.get_by_text("cart.items[].price new: number, optional")).to_be_visible()
    page.get_by_role("button", name="Apply to the contract").click()
    table = page.locator("[data-table]")
    expect(table.get_by_label("Type of cart.items[].price")).to_have_value("number")
    expect(table.get_by_label("cart.items[].name is required")).to_be_checked()


def edit_the_table(page: Page) -> None:
    table = page.locator("[data-table]")
    table.get_by_label("Type of cart.items[].price").select_option("integer")
    table.get_by_label("cart.url is sensitive").check()
    expect(table.locator('tr[data-path="cart.url"]')).to_contain_text("••••")
    assert page.input_value("[name=sensitive_paths]") == "cart.url"
    page.fill("[data-new-path]", "customer.name")
    page.get_by_role("button", name="Add field").click()
    expect(table.get_by_label("Type of customer.name")).to_be_focused()
    page.get_by_role("button", name="Edit as JSON Schema").click()
    schema = json.loads(page.input_value("[name=contract]"))
    items = schema["properties"]["cart"]["properties"]["items"]["items"]
    assert items["properties"]["price"] == {"type": "integer"}
    assert schema["properties"]["customer"]["properties"] == {
        "name": {"type": "string"}
    }
    page.fill("[name=contract]", json.dumps(schema).replace('"integer"', '"intger"', 1))
    expect(page.get_by_text("a type is one of")).to_be_visible()
    page.fill("[name=contract]", json.dumps(schema))
    expect(page.get_by_text("a type is one of")).to_be_hidden()
    page.get_by_role("button", name="Fields", exact=True).click()


def save_and_see_it_again(page: Page) -> None:
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_url("**/change/**")
    page.get_by_role("button", name="No price").click()
    assert "Oak lamp" in page.input_value("[name=samples-0-ctx]")
    expect(page.get_by_label("Type of customer.name")).to_be_visible()


def copy_the_code(page: Page) -> None:
    expect(page.get_by_text("Simulated: nothing is published")).to_be_visible()
    page.get_by_role("button", name="Python", exact=True).click()
    page.get_by_role("button", name="Copy Python").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    compile(copied, "copied", "exec")
    assert '"type": "cart.left"' in copied
