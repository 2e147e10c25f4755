"""The page of an event type: samples, contract, what would break, code that runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from events import api_preview, ids, partitions, schemas
from events.models import Channel, Event, EventSample, EventType
from tests import factories
from txmsg.admin.event_types import CheckedEventTypeAdmin

pytestmark = pytest.mark.django_db

SAMPLE = {"order": {"number": "A-1", "lines": [1, 2, 3]}, "note": "it's “fine” \\ ok"}
SCHEMA = {
    "type": "object",
    "required": ["order"],
    "properties": {
        "order": {
            "type": "object",
            "properties": {"number": {"type": "string", "maxLength": 9}},
        }
    },
}


@pytest.fixture
def event_type() -> EventType:
    return factories.make_event_type(
        contract=SCHEMA, sample=SAMPLE, sensitive_paths=["order.number"]
    )


def address(event_type: EventType, name: str = "change", *more: Any) -> str:
    return reverse(f"admin:events_eventtype_{name}", args=[event_type.pk, *more])


def form_of(event_type: EventType, **fields: str) -> dict[str, str]:
    return {
        "name": event_type.name,
        "label": "Order confirmed",
        "kind": "event",
        "lane": "normal",
        "ttl_seconds": "30 minutes",
        "channel_order": "email",
        "when_uncovered": "reject",
        "contract_mode": "strict",
        "contract": json.dumps(SCHEMA),
        "sample": json.dumps(SAMPLE),
        "sensitive_paths": "order.number",
        "retention_days": "400",
        "context_retention_days": "30",
        "samples-TOTAL_FORMS": "0",
        "samples-INITIAL_FORMS": "0",
        **fields,
    }


# --- samples and contract ----------------------------------------------------------


def test_samples_are_added_changed_and_deleted_with_the_type(
    admin_client: Client, event_type: EventType
) -> None:
    new = {
        "samples-TOTAL_FORMS": "2",
        "samples-0-name": "Bare",
        "samples-0-ctx": '{"order": {}}',
        "samples-1-name": "Other",
        "samples-1-ctx": '{"order": {"number": "B"}}',
    }
    assert (
        admin_client.post(address(event_type), form_of(event_type, **new)).status_code
        == 302
    )
    bare, other = event_type.samples.order_by("name")
    assert (bare.name, bare.ctx) == ("Bare", {"order": {}})
    text = admin_client.get(address(event_type)).content.decode()
    assert 'value="Bare"' in text
    change = {
        "samples-TOTAL_FORMS": "2",
        "samples-INITIAL_FORMS": "2",
        "samples-0-pk": str(bare.pk),
        "samples-0-name": "Bare",
        "samples-0-ctx": "{",
        "samples-0-DELETE": "on",
        "samples-1-pk": str(other.pk),
        "samples-1-name": "Renamed",
        "samples-1-ctx": '{"order": {"number": "C"}}',
    }
    admin_client.post(address(event_type), form_of(event_type, **change))
    left = event_type.samples.get()
    assert (left.pk, left.name, left.ctx) == (
        other.pk,
        "Renamed",
        {"order": {"number": "C"}},
    )


@pytest.mark.parametrize(
    ("name", "ctx", "sentence"),
    [
        ("Bad", '{\n "order": {"number": "too long by far"}}', "Line 2, column 12: "),
        ("Bad", '{"order": }', "Line 1, column 11"),
        ("", '{"order": {}}', "This field is required"),
        ("typical", '{"order": {}}', "is the first sample"),
        ("Twin", '{"order": {}}', "There are two samples “Twin”."),
    ],
)
def test_a_sample_that_cannot_be_kept_is_refused_in_words(
    admin_client: Client, event_type: EventType, name: str, ctx: str, sentence: str
) -> None:
    fields = {
        "samples-TOTAL_FORMS": "2",
        "samples-0-name": "Twin",
        "samples-0-ctx": '{"order": {}}',
        "samples-1-name": name,
        "samples-1-ctx": ctx,
    }
    answer = admin_client.post(address(event_type), form_of(event_type, **fields))
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not EventSample.objects.exists()


def test_the_table_is_put_over_the_schema_it_was_made_from(
    admin_client: Client, event_type: EventType
) -> None:
    rows = [
        {"path": "order", "type": "object", "required": True},
        {"path": "order.number", "type": "string", "required": True},
        {"path": "order.lines", "type": "array<integer>"},
        {"path": "note", "type": "string"},
    ]
    fields = {"contract_rows": json.dumps(rows), "contract_closed": "yes"}
    answer = admin_client.post(address(event_type), form_of(event_type, **fields))
    assert answer.status_code == 302
    event_type.refresh_from_db()
    order = event_type.contract["properties"]["order"]
    assert order["properties"]["number"] == {"type": "string", "maxLength": 9}
    assert order["required"] == ["number"]
    assert event_type.contract["additionalProperties"] is False
    bad = {"contract_rows": '[{"path": "order..x"}]'}
    text = admin_client.post(
        address(event_type), form_of(event_type, **bad)
    ).content.decode()
    assert "“order..x” is no path" in text


# --- what would break --------------------------------------------------------------


@pytest.fixture
def _breaking(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_by(
        _self: Any, _event_type: EventType, contract: dict[str, Any]
    ) -> list[tuple[str, str, list[str]]]:
        if "order" in contract.get("properties", {}):
            return []
        return [("Confirmation", "/admin/m/1/", ["ctx.order is not in the contract."])]

    monkeypatch.setattr(CheckedEventTypeAdmin, "broken_by", broken_by)


@pytest.mark.usefixtures("_breaking")
def test_a_contract_that_breaks_a_published_message_is_asked_about_first(
    admin_client: Client, event_type: EventType
) -> None:
    form = form_of(
        event_type,
        contract='{"type": "object"}',
        label="Typed <b>just</b> now",
        _continue="1",
    )
    answer = admin_client.post(address(event_type), form)
    text = answer.content.decode()
    assert "This contract breaks “Confirmation”" in text
    assert "ctx.order is not in the contract." in text
    assert "Typed &lt;b&gt;just&lt;/b&gt; now" in text
    event_type.refresh_from_db()
    assert event_type.contract == SCHEMA

    back = admin_client.post(address(event_type), {**form, "_back": "1"})
    assert "Nothing is saved yet" in back.content.decode()
    assert "Typed &lt;b&gt;just" in back.content.decode()
    event_type.refresh_from_db()
    assert event_type.contract == SCHEMA

    saved = admin_client.post(address(event_type), {**form, "_save_all_the_same": "1"})
    assert saved.status_code == 302
    event_type.refresh_from_db()
    assert event_type.contract == {"type": "object"}


@pytest.mark.usefixtures("_breaking")
def test_a_contract_that_stays_is_not_asked_about(
    admin_client: Client, event_type: EventType
) -> None:
    EventType.objects.update(contract={"type": "object"})
    form = form_of(event_type, contract='{"type": "object"}')
    assert admin_client.post(address(event_type), form).status_code == 302


# --- what the page asks for --------------------------------------------------------


def test_the_page_learns_faults_rows_code_and_what_breaks_while_typing(
    admin_client: Client, event_type: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [("Confirmation", "/admin/m/1/", ["words"])]
    monkeypatch.setattr(CheckedEventTypeAdmin, "broken_by", lambda *_args: broken)
    form = form_of(event_type, contract='{"type": "object"}', sample='{"new": 1}')
    answer = admin_client.post(address(event_type, "check"), form).json()
    assert answer["broken"] == [["Confirmation", "/admin/m/1/", ["words"]]]
    assert answer["contract"]["rows"] == []
    assert '"new": 1' in answer["snippets"]["javascript"]
    inferred = admin_client.post(f"{address(event_type, 'check')}?infer=1", form)
    assert inferred.json()["inferred"]["changes"] == [
        {"path": "new", "words": "new: number, required"},
        {"path": "ctx", "words": "takes only the fields listed here"},
    ]
    unchanged = admin_client.post(address(event_type, "check"), form_of(event_type))
    assert unchanged.json()["broken"] == []
    rows = unchanged.json()["contract"]["rows"]
    assert {row["path"]: row["example"] for row in rows}["order.number"] == "••••"
    add = reverse("admin:events_eventtype_check_new")
    assert admin_client.post(add, {"sample": "{}"}).status_code == 200
    assert admin_client.get(add).status_code == 405


def test_a_recent_event_is_offered_as_a_sample_with_its_secrets_hidden(
    admin_client: Client, event_type: EventType
) -> None:
    factories.publish(event_type=event_type)
    event_type.refresh_from_db()
    event_id = factories.accept(event_type, ctx={"order": {"number": "S3CRET"}}).id
    found = admin_client.get(address(event_type, "recent")).json()["events"]
    assert [each["id"] for each in found] == [str(event_id)]
    one = admin_client.get(found[0]["address"])
    assert json.loads(one.json()["text"]) == {"order": {"number": "••••"}}
    other = factories.make_event_type()
    gone = admin_client.get(address(other, "recent_event", event_id))
    assert gone.status_code == 404
    text = admin_client.get(address(event_type)).content.decode()
    assert reverse("admin:events_event_change", args=[event_id]) in text
    assert "S3CRET" not in text
    assert "Live on Email" in text


def test_who_may_only_look_sees_the_type_and_no_form(
    client: Client, event_type: EventType
) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    client.force_login(reader)
    for name in ("change", "recent"):
        assert client.get(address(event_type, name)).status_code == 403
    reader.user_permissions.add(Permission.objects.get(codename="view_eventtype"))
    text = client.get(address(event_type)).content.decode()
    assert "Simulated: nothing is published for this type" in text
    assert "page-facts" not in text
    assert client.post(address(event_type, "check"), {}).status_code == 403


# --- the list ----------------------------------------------------------------------


def test_the_list_is_narrowed_by_what_is_published_and_how_long_it_is_silent(
    admin_client: Client,
) -> None:
    live = factories.make_event_type(name="live.one", live_channels=["email", "sms"])
    factories.make_event_type(name="dead.one", description="Nobody posts it any more")
    slow = factories.make_event_type(name="slow.one")
    for event_type, days in ((live, 0), (slow, 10)):
        at = timezone.now() - timedelta(days=days)
        # It may lie in the month before, which a new database has no room for.
        partitions.ensure(now=at, months=0)
        Event.objects.create(
            id=ids.first_id_at(at),
            type=event_type,
            lane="normal",
            expires_at=at,
            received_at=at,
        )

    def names(query: str) -> set[str]:
        page = admin_client.get(f"/admin/events/eventtype/?{query}")
        return {row.name for row in page.context["cl"].result_list}

    assert names("published=any") == names("published=sms") == {"live.one"}
    assert names("published=none") == {"dead.one", "slow.one"}
    assert names("silent=7") == {"dead.one", "slow.one"}
    assert names("silent=30") == names("silent=never") == {"dead.one"}
    assert names("contract_mode__exact=open") == set()
    assert names("q=any+more") == {"dead.one"}


# --- the API preview ---------------------------------------------------------------


@pytest.mark.parametrize("channel", Channel.values)
def test_the_preview_is_a_valid_request_on_every_channel(channel: str) -> None:
    event_type = EventType(name="a.b", channel_order=[channel], contract={})
    body = api_preview.body_of(event_type, SAMPLE)
    assert schemas.parse_event(body).type == "a.b"
    assert body["ctx"]["order"]["lines"] == [1, 2]


def test_the_preview_takes_the_live_channel_and_a_list_that_must_be_long() -> None:
    contract = {
        "properties": {"lines": {"type": "array", "minItems": 3}},
    }
    event_type = EventType(name="a.b", live_channels=["sms"], contract=contract)
    body = api_preview.body_of(event_type, {"lines": [1, 2, 3]})
    assert "phone" in body["recipient"]
    assert body["ctx"]["lines"] == [1, 2, 3]
    event_type.contract = {"type": "nonsense"}
    assert api_preview.body_of(event_type, {"lines": []})["ctx"] == {"lines": []}


RUNS = {
    "curl": ["bash", "-c"],
    "python": [sys.executable, "-c"],
    "javascript": ["node", "-e"],
}


@pytest.mark.django_db(transaction=True)
def test_the_code_of_the_preview_runs_as_it_stands(
    live_server: Any, event_type: EventType
) -> None:
    hard: dict[str, Any] = {
        "flag": True,
        "none": None,
        "empty": {},
        "none_of": [],
        "price": 12.5,
    }
    event_type.contract = {"type": "object"}
    event_type.sample = {**SAMPLE, **hard, "quotes": "\"'`${x}$HOME\n"}
    event_type.save()
    factories.publish(event_type=event_type)
    event_type.refresh_from_db()
    body = api_preview.body_of(event_type, event_type.sample)
    environment = {**os.environ, "TXMSG_KEY": factories.make_key()}
    snippets = api_preview.snippets_of(body, address=f"{live_server.url}/api/v1/events")
    ran = 0
    for snippet in snippets:
        command = RUNS[snippet.key]
        if shutil.which(command[0]) is None:
            assert json.loads(snippet.code.split(" = ", 1)[1].split(";\n")[0]) == body
            continue
        done = subprocess.run(
            [*command, snippet.code],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert '"status":"pending"' in done.stdout.replace(" ", ""), done
        ran += 1
    contexts = list(Event.objects.values_list("context__ctx", flat=True))
    assert contexts == [body["ctx"]] * ran
