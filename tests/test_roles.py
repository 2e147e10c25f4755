"""The three groups: what each may see and do, and what the pages offer them."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse

from templates_app.models import Message, MessageStatus
from tests import factories
from txmsg.admin.users import what_it_may

pytestmark = pytest.mark.django_db

ROLES = ("author", "publisher", "viewer")
LISTS = (
    "templates_app_message",
    "templates_app_template",
    "templates_app_folder",
    "templates_app_contentblock",
    "templates_app_image",
    "templates_app_testprofile",
    "events_eventtype",
    "events_event",
    "history_execution",
)
CLOSED = ("auth_user", "auth_group", "events_source")


def signed_in(role: str) -> Client:
    user = User.objects.create_user(factories.unique(role), is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def url(message: Message, step: str) -> str:
    return reverse(f"admin:templates_app_message_{step}", args=[message.pk])


def make_message(**fields: object) -> Message:
    sample = {"order": {"number": "1"}}
    return factories.make_message(context_sample=sample, **fields)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_sees_the_lists_of_its_work_and_no_others(role: str) -> None:
    page = signed_in(role)
    for name in LISTS:
        assert page.get(reverse(f"admin:{name}_changelist")).status_code == 200, name
    for name in CLOSED:
        assert page.get(reverse(f"admin:{name}_changelist")).status_code == 403, name


@pytest.mark.parametrize("role", ROLES)
def test_the_sidebar_offers_what_a_role_may_open(role: str) -> None:
    shown = signed_in(role).get(reverse("admin:index")).content.decode()
    for name in LISTS:
        if name not in ("templates_app_template", "history_execution"):
            assert reverse(f"admin:{name}_changelist") in shown, name
    for name in CLOSED:
        assert reverse(f"admin:{name}_changelist") not in shown, name


@pytest.mark.parametrize("role", ROLES)
def test_every_role_may_look_at_a_message_and_simulate_it(role: str) -> None:
    page, message = signed_in(role), make_message()
    for step in ("change", "simulate", "proofs"):
        assert page.get(url(message, step)).status_code == 200, step


@pytest.mark.parametrize(
    ("role", "step", "status"),
    [
        ("viewer", "proof", 403),
        ("viewer", "publish", 403),
        ("viewer", "duplicate", 403),
        ("viewer", "template", 403),
        ("viewer", "delete", 403),
        ("author", "proof", 200),
        ("author", "publish", 403),
        ("author", "duplicate", 200),
        ("author", "template", 200),
        ("author", "delete", 200),
        ("publisher", "proof", 200),
        ("publisher", "publish", 200),
        ("publisher", "delete", 200),
    ],
)
def test_a_verb_is_for_those_who_may(role: str, step: str, status: int) -> None:
    assert signed_in(role).get(url(make_message(), step)).status_code == status


@pytest.mark.parametrize("role", ROLES)
def test_only_a_publisher_changes_what_production_sends(role: str) -> None:
    message = make_message()
    factories.publish(message)
    answer = signed_in(role).post(url(message, "pause"), {"note": ""})
    may = role == "publisher"
    assert answer.status_code == (302 if may else 403)
    message.refresh_from_db()
    expected = MessageStatus.PAUSED if may else MessageStatus.PUBLISHED
    assert message.status == expected


@pytest.mark.parametrize("role", ["author", "viewer"])
def test_a_page_names_who_publishes_to_nobody_else(role: str) -> None:
    shown = signed_in(role).get(url(make_message(), "change")).content.decode()
    assert 'value="publish"' not in shown
    assert url(make_message(), "publish") not in shown


def test_a_viewer_can_save_nothing() -> None:
    message = make_message()
    answer = signed_in("viewer").post(url(message, "change"), {"label": "Mine"})
    assert answer.status_code == 403
    assert signed_in("viewer").get(url(message, "change")).status_code == 200


def create_roles() -> None:
    module = import_module("txmsg.migrations.0002_roles")
    with connection.schema_editor() as editor:
        module.create_roles(apps, editor)


def test_making_the_roles_again_changes_nothing_and_keeps_what_was_given() -> None:
    def state() -> dict[str, set[int]]:
        groups = Group.objects.prefetch_related("permissions")
        return {
            group.name: {each.pk for each in group.permissions.all()}
            for group in groups
        }

    before = state()
    assert set(before) == set(ROLES)
    assert before["viewer"] < before["author"] < before["publisher"]
    extra = Permission.objects.get(codename="change_eventtype")
    Group.objects.get(name="author").permissions.add(extra)
    total = Permission.objects.count()
    create_roles()
    assert state() == {**before, "author": before["author"] | {extra.pk}}
    assert Permission.objects.count() == total


def test_the_pages_of_users_and_groups_say_what_a_group_may_do(
    admin_client: Client,
) -> None:
    user = User.objects.create_user("new", is_staff=True)
    said = what_it_may(Group.objects.get(name="publisher"))
    assert said.startswith("Edits ")
    assert "messages" in said
    assert "Can publish, pause and unpublish messages." in said
    viewer = what_it_may(Group.objects.get(name="viewer"))
    assert "Edits" not in viewer
    assert what_it_may(Group.objects.create(name="empty")) == "Nothing yet."
    user_page = admin_client.get(reverse("admin:auth_user_change", args=[user.pk]))
    assert f"<b>publisher</b>: {said}" in user_page.content.decode()
    groups = admin_client.get(reverse("admin:auth_group_changelist"))
    assert said in groups.content.decode()


def test_a_person_is_given_a_role_on_their_page(admin_client: Client) -> None:
    user = User.objects.create_user("new", is_staff=True)
    address = reverse("admin:auth_user_change", args=[user.pk])
    role = Group.objects.get(name="author")
    facts = {
        "username": "new",
        "is_active": "on",
        "is_staff": "on",
        "groups": [role.pk],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    }
    answer = admin_client.post(address, facts)
    assert answer.status_code == 302, answer.context["errors"]
    assert list(user.groups.all()) == [role]
