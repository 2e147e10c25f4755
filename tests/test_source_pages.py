"""The page of a source: its limits, its keys and their ends, and what it posted."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from events import api_keys, refusals
from events.models import ApiKey, Source
from tests import factories
from tests.api_door import open_door

pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> Source:
    return Source.objects.create(name=factories.unique("shop"))


def address(source: Source, name: str = "change", *more: Any) -> str:
    return reverse(f"admin:events_source_{name}", args=[source.pk, *more])


def shown(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def test_a_source_without_keys_and_events_says_so(
    admin_client: Client, source: Source
) -> None:
    text = shown(admin_client, address(source))
    assert "It has no key yet, so it cannot call." in text
    assert "It has posted no event in this time." in text
    assert "No request of it was refused." in text
    assert "<svg viewBox" not in text


def test_limits_are_set_on_the_page(admin_client: Client, source: Source) -> None:
    form = {
        "name": source.name,
        "is_active": "on",
        "scopes": ["events:write"],
        "allowed_networks": "10.0.0.0/8\n2001:db8::/32",
        "rate_per_minute": "600",
    }
    assert admin_client.post(address(source), form).status_code == 302
    source.refresh_from_db()
    assert source.rate_per_minute == 600
    assert source.allowed_networks == ["10.0.0.0/8", "2001:db8::/32"]
    for wrong in ("0", "-1", "many", "99999999999"):
        answer = admin_client.post(address(source), {**form, "rate_per_minute": wrong})
        assert answer.status_code == 200
    assert admin_client.post(address(source), {**form, "rate_per_minute": ""})
    source.refresh_from_db()
    assert source.rate_per_minute is None


def test_the_chart_counts_what_came_and_links_to_what_was_refused(
    admin_client: Client, client: Client
) -> None:
    door = open_door(client)
    refusals.forget()
    for _ in range(3):
        door.post()
    door.post(b"{")
    refusals.write()
    text = shown(admin_client, address(door.source))
    assert "On the way <b>3</b>" in text
    assert re.search(r'<rect class="is-open" x="291" y="0.0" width="8"', text)
    assert "1 request was refused" in text
    assert f"/admin/events/refusedrequest/?source={door.source.pk}" in text


def test_the_states_of_keys_are_told_apart(
    admin_client: Client, source: Source
) -> None:
    now = datetime.now(UTC)
    for expires_at in (None, now + timedelta(days=3), now - timedelta(days=3)):
        api_keys.create(source, expires_at=expires_at)
    api_keys.revoke(api_keys.create(source)[0])
    text = shown(admin_client, address(source))
    for state in ("In use", "Ends soon", "Expired", "Revoked"):
        assert text.count(f">{state}</span>") == 1, state
    assert text.count(">Rotate</a>") == 2
    assert text.count(">Revoke</a>") == 3


def test_a_key_is_rotated_and_both_work_until_the_old_one_ends(
    admin_client: Client, source: Source
) -> None:
    old, old_text = api_keys.create(source, scopes=["events:read"])
    rotate = address(source, "rotate_key", old.pk)
    asked = shown(admin_client, rotate)
    assert f"Replace {old}?" in asked
    assert '<option value="24" selected>In a day</option>' in asked
    given = {"ends_in_hours": "1", "expires_in_days": "90"}
    answer = admin_client.post(rotate, given)
    assert "no-store" in answer["Cache-Control"]
    text = answer.content.decode()
    new = ApiKey.objects.exclude(pk=old.pk).get()
    found = re.search(rf"txk_{new.prefix}_\w{{46}}", text)
    assert found is not None
    assert f"It replaces {old}, which ends on" in text
    for key in (old_text, found[0]):
        caller = api_keys.authenticate(f"Bearer {key}", remote_address="")
        assert caller.scopes == {"events:read"}
    old.refresh_from_db()
    assert old.expires_at is not None
    assert old.expires_at - datetime.now(UTC) <= timedelta(hours=1)
    assert new.expires_at is not None
    assert (new.expires_at - datetime.now(UTC)).days == 89


def test_a_new_key_is_good_for_about_as_long_as_the_old_one(
    admin_client: Client, source: Source
) -> None:
    expires_at = datetime.now(UTC) + timedelta(days=88)
    old, _ = api_keys.create(source, expires_at=expires_at)
    asked = shown(admin_client, address(source, "rotate_key", old.pk))
    assert '<option value="90" selected>In 90 days</option>' in asked


@pytest.mark.parametrize(
    "given",
    [{}, {"ends_in_hours": "-5"}, {"ends_in_hours": "1", "expires_in_days": "5"}],
)
def test_a_wrong_answer_rotates_nothing(
    admin_client: Client, source: Source, given: dict[str, str]
) -> None:
    old, _ = api_keys.create(source)
    answer = admin_client.post(address(source, "rotate_key", old.pk), given)
    assert answer.status_code == 200
    assert ApiKey.objects.get().expires_at is None


def test_a_key_that_is_revoked_or_of_another_source_is_not_rotated(
    admin_client: Client, source: Source
) -> None:
    revoked, _ = api_keys.create(source)
    api_keys.revoke(revoked)
    other = Source.objects.create(name=factories.unique("shop"))
    of_other, _ = api_keys.create(other)
    for key in (revoked, of_other):
        path = address(source, "rotate_key", key.pk)
        assert admin_client.post(path, {"ends_in_hours": "1"}).status_code == 404
    assert ApiKey.objects.count() == 2


def test_the_question_before_revoking_says_when_a_key_was_last_used(
    admin_client: Client, source: Source
) -> None:
    key, text = api_keys.create(source)
    revoke = address(source, "revoke_key", key.pk)
    assert "It was never used." in shown(admin_client, revoke)
    api_keys.authenticate(f"Bearer {text}", remote_address="")
    assert "It was last used on" in shown(admin_client, revoke)


def test_who_may_only_look_sees_no_way_to_make_or_end_keys(source: Source) -> None:
    key, _ = api_keys.create(source)
    user = User.objects.create_user("looker", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_source"))
    looker = Client()
    looker.force_login(user)
    text = shown(looker, address(source))
    assert str(key) in text
    for word in ("Create key", "Rotate", "Revoke"):
        assert word not in text
    for name, more in (("create_key", []), ("rotate_key", [key.pk])):
        assert looker.post(address(source, name, *more)).status_code == 403
