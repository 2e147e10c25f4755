"""The admin's frame: breadcrumbs, row actions, empty lists, pages that are missing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from txmsg.templatetags.frame import crumbs, fitting

pytestmark = pytest.mark.django_db


@pytest.fixture
def page() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("author", password="x"))
    return client


def heading(page: Client, address: str) -> str:
    shown = page.get(address).content.decode()
    title = shown.split("<h1", 1)[1].split(">", 1)[1].split("</h1>", 1)[0]
    bare = "".join(piece.split(">")[-1] for piece in title.split("<"))
    return " ".join(bare.replace("\u203a", "/").split())


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("templates_app_message", "Triggered messages / Transactional messages"),
        ("templates_app_template", "Transactional messages / Templates"),
        ("templates_app_folder", "Folders"),
        ("auth_user", "Operations / Users"),
        ("auth_group", "Operations / Groups"),
    ],
)
def test_breadcrumbs_say_what_the_sidebar_says(
    page: Client, model: str, words: str
) -> None:
    assert heading(page, reverse(f"admin:{model}_changelist")).startswith(words)


def test_an_object_s_name_stays_as_it_was_written(page: Client) -> None:
    user = User.objects.get()
    address = reverse("admin:auth_user_change", args=[user.pk])
    assert heading(page, address) == "Operations / Users / author"
    assert crumbs([{"title": "order.confirmed"}]) == [{"title": "order.confirmed"}]


def test_an_app_s_own_page_leads_to_the_start_page(page: Client) -> None:
    for app in ("auth", "events", "history", "templates_app", "txmsg"):
        answer = page.get(reverse("admin:app_list", args=[app]))
        assert answer.status_code == 302
        assert answer["Location"] == reverse("admin:index")


def test_a_row_offers_only_what_it_allows() -> None:
    delete = {"title": "Delete", "attrs": {"field": "status", "value": "draft"}}
    copy = {"title": "Duplicate", "attrs": None}
    actions = [copy, delete]
    assert fitting(actions, SimpleNamespace(status="draft")) == [copy, delete]
    assert fitting(actions, SimpleNamespace(status="published")) == [copy]


def test_an_empty_list_says_why_and_what_next(page: Client) -> None:
    address = reverse("admin:templates_app_message_changelist")
    shown = page.get(address, {"q": "zzzz"}).content.decode()
    assert "Nothing matches" in shown
    assert "Clear the search and filters" in shown
    assert "yielded" not in shown
    Group.objects.all().delete()
    shown = page.get(reverse("admin:auth_group_changelist")).content.decode()
    assert "Nothing here yet" in shown
    assert "Add group" in shown


def test_a_page_that_is_not_there_has_a_way_back(page: Client) -> None:
    answer = page.get(reverse("admin:templates_app_message_change", args=[999]))
    assert answer.status_code == 404
    assert b"There is no such message." in answer.content
    assert b"To the start page" in answer.content
    assert b"Transactional messages" in answer.content


def test_a_stranger_s_wrong_address_shows_nothing_of_the_admin() -> None:
    answer = Client().get("/nosuch")
    assert answer.status_code == 404
    assert b"To the start page" in answer.content
    assert b"Transactional messages" not in answer.content
