"""The history half of the admin: events, executions, inbox, types, sources."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from events import admin_lists, admission, ids, work
from events import views as events_views
from events.models import (
    ApiKey,
    Event,
    EventContext,
    EventType,
    Scope,
    Source,
    Work,
)
from history.models import Delivery, Execution, Suppression, Tally
from templates_app import publishing
from templates_app.models import Message, UnknownOutcome
from tests import factories
from txmsg import api
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel
from txmsg.models import InboxMessage

# Fixed, so that every process collects the same tests.
NOBODY = "01a20a90-ca28-7262-9da7-5305bc98c000"
pytestmark = pytest.mark.django_db

EVENTS = "/admin/events/event/"
SECRET = "<script>alert(1)</script>"


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    return capture


@pytest.fixture
def event_type(channel: CaptureChannel) -> EventType:
    event_type = factories.make_event_type()
    factories.publish(event_type=event_type)
    event_type.refresh_from_db()
    return event_type


def post(event_type: EventType, **fields: Any) -> UUID:
    return factories.accept(event_type, **fields).id


def sent(event_type: EventType, **fields: Any) -> UUID:
    event_id = post(event_type, **fields)
    factories.drain()
    return event_id


def page(client: Client, address: str, *, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, address
    return answer.content.decode()


def event_page(client: Client, event_id: UUID) -> str:
    return page(client, reverse("admin:events_event_change", args=[event_id]))


def verb_url(event_id: UUID, verb: str, ordinal: int | None = None) -> str:
    if ordinal is None:
        return reverse("admin:events_event_verb", args=[event_id, verb])
    return reverse("admin:events_event_delivery_verb", args=[event_id, ordinal, verb])


def viewer() -> Client:
    """Return a person who may look at events and do nothing."""
    user = User.objects.create_user(factories.unique("viewer"), is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_event"))
    client = Client()
    client.force_login(user)
    return client


# --- the list -----------------------------------------------------------------


def test_the_empty_list_shows_how_to_post_the_first_event(admin_client: Client) -> None:
    text = page(admin_client, EVENTS)
    assert "create_api_key --source shop" in text
    assert "http://testserver/api/v1/events" in text


def test_the_list_shows_where_each_event_stands(
    admin_client: Client, event_type: EventType
) -> None:
    sent(event_type, external_id="order-1")
    post(event_type, external_id="order-2")
    text = page(admin_client, EVENTS)
    assert "Processed" in text
    assert "Pending" in text
    assert text.index("order-2") < text.index("order-1")


def test_a_longer_list_takes_no_more_queries(
    admin_client: Client,
    event_type: EventType,
    django_assert_num_queries: Any,
) -> None:
    for _ in range(3):
        sent(event_type)
    # Session, user; savepoint and time limit; types, events, statuses; and their ends.
    with django_assert_num_queries(9):
        admin_client.get(EVENTS)
    for _ in range(6):
        post(event_type)
    with django_assert_num_queries(9):
        admin_client.get(EVENTS)


@pytest.mark.parametrize("spelling", ["{id}", "{delivery}", "a-1", "Ada@Example.com"])
def test_an_event_is_found_by_what_a_person_has_at_hand(
    admin_client: Client, event_type: EventType, spelling: str
) -> None:
    wanted = sent(event_type, external_id="a-1", recipient={"email": "ada@example.com"})
    other = post(event_type, recipient={"email": "bob@example.com"})
    term = spelling.format(id=wanted, delivery=ids.delivery_id(wanted, 1))
    text = admin_client.get(EVENTS, {"q": term}).content.decode()
    assert str(wanted) in text
    assert str(other) not in text


def test_a_phone_number_is_found_with_its_blanks(
    admin_client: Client, channel: CaptureChannel
) -> None:
    event_type = factories.make_event_type(when_uncovered="store")
    event_id = post(event_type, recipient={"phone": "+4915112345678"})
    text = admin_client.get(EVENTS, {"q": "+49 151 12345678"}).content.decode()
    assert str(event_id) in text


@pytest.mark.parametrize(
    "query",
    [
        {"q": "\x00"},
        {"q": "%"},
        {"q": "x" * 3000},
        {"q": "'; DROP TABLE events_event"},
        {"q": "\udc80".encode("utf-8", "surrogatepass").decode("utf-8", "replace")},
        {"type": "x"},
        {"type": "99999999999999999999"},
        {"type": "\x00"},
        {"status": "nonsense"},
        {"channel": "fax"},
        {"from": "2026-13-45", "to": "x"},
        {"from": "9999-12-31", "to": "9999-12-31"},
        {"from": "\x00"},
        {"p": "x"},
        {"p": "99999999999999999999"},
        {"nosuch": "1"},
        {"_facets": "True"},
    ],
)
def test_a_senseless_question_is_never_a_server_error(
    admin_client: Client, event_type: EventType, query: dict[str, str]
) -> None:
    post(event_type)
    answer = admin_client.get(EVENTS, query, follow=True)
    assert answer.status_code == 200


def test_filters_narrow_the_list(admin_client: Client, event_type: EventType) -> None:
    done = sent(event_type)
    waiting = post(event_type)

    def shown(**query: str) -> tuple[bool, bool]:
        text = admin_client.get(EVENTS, query).content.decode()
        return str(done) in text, str(waiting) in text

    received_at = Event.objects.get(pk=done).received_at
    today = timezone.localtime(received_at).date().isoformat()
    assert shown(type=str(event_type.pk)) == (True, True)
    assert shown(status="ended:processed") == (True, False)
    assert shown(status="pending") == (False, True)
    assert shown(channel="email") == (True, True)
    assert shown(channel="sms") == (False, False)
    assert shown(**{"from": "2020-01-01", "to": today}) == (True, True)
    assert shown(to="2020-01-01") == (False, False)


def test_a_search_that_finds_nothing_says_what_search_takes(
    admin_client: Client, event_type: EventType
) -> None:
    post(event_type)
    text = admin_client.get(EVENTS, {"q": "dilnoza"}).content.decode()
    assert "Nothing matches" in text
    assert "Search takes a whole email address" in text
    assert "Search takes" not in page(admin_client, f"{EVENTS}?status=held")


def test_the_list_names_source_and_origin(
    admin_client: Client, event_type: EventType
) -> None:
    source = Source.objects.create(name="shop")
    caller = factories.make_caller(source_id=source.pk, source_name="shop")
    factories.accept(event_type, caller, origin="shop")
    assert "origin" not in page(admin_client, EVENTS)
    factories.accept(event_type, caller, origin="checkout")
    assert "shop, origin checkout" in page(admin_client, EVENTS)


def test_waiting_and_ended_events_without_a_message_are_told_apart(
    admin_client: Client, channel: CaptureChannel
) -> None:
    event_type = factories.make_event_type(when_uncovered="store")
    event_id = sent(event_type)
    text = admin_client.get(EVENTS, {"status": "not_covered"}).content.decode()
    assert str(event_id) in text
    assert "Not covered, waiting" in text
    assert "Not covered, ended" in text
    assert "it waits, and goes out when one is" in event_page(admin_client, event_id)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("/admin/events/eventtype/", "There is no event type yet"),
        ("/admin/events/source/", "There is no source yet"),
        ("/admin/history/suppression/", "Nobody is suppressed"),
        ("/admin/history/execution/", "Nothing was executed yet"),
        ("/admin/txmsg/inboxmessage/", "Nothing has arrived yet"),
    ],
)
def test_an_empty_list_says_what_it_is(
    admin_client: Client, address: str, sentence: str
) -> None:
    text = page(admin_client, address)
    assert sentence in text
    assert f"Times in {settings.TIME_ZONE}" in text
    assert "Show all" not in text
    assert "Nothing matches" in page(admin_client, f"{address}?q=nosuch")


def test_a_question_that_takes_too_long_is_answered_in_words(
    admin_client: Client, event_type: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_events: object) -> dict[UUID, object]:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '20ms'")
            cursor.execute("SELECT pg_sleep(5)")
        return {}

    monkeypatch.setattr("txmsg.event_status.statuses_of", slow)
    answer = admin_client.get(EVENTS, {"q": "ada@example.com"})
    assert answer.status_code == 302
    monkeypatch.undo()
    text = admin_client.get(answer["Location"], follow=True).content.decode()
    assert "was stopped" in text


def test_the_list_goes_no_deeper_than_its_bound(
    admin_client: Client, event_type: EventType, django_assert_num_queries: Any
) -> None:
    answer = admin_client.get(EVENTS, {"p": str(admin_lists.PAGES + 1)})
    assert answer.status_code == 302


# --- the page of an event -----------------------------------------------------


def test_the_page_says_in_words_what_became_of_an_event(
    admin_client: Client, event_type: EventType
) -> None:
    event_id = sent(event_type, external_id="order-77", origin="web")
    text = event_page(admin_client, event_id)
    assert "Kept in the Inbox: no provider is set up for Email." in text
    assert "Handed over" not in text
    assert "order-77" in text
    assert "Send again" in text


def test_the_page_shows_why_a_message_was_not_sent(
    admin_client: Client, event_type: EventType, channel: CaptureChannel
) -> None:
    channel._answers = lambda _m: Outcome(
        OutcomeKind.PERMANENT, reason="hard_bounce", answer="550 5.1.1 unknown user"
    )
    text = event_page(admin_client, sent(event_type))
    assert "Not sent: the recipient&#x27;s server refused the address" in text
    assert "550 5.1.1 unknown user" in text
    assert "Ask the recipient for another address." in text


def test_what_callers_send_is_escaped(
    admin_client: Client, event_type: EventType
) -> None:
    event_id = sent(
        event_type,
        recipient={"email": "ada@example.com", "name": SECRET},
        external_id="');alert(1)//",
        metadata={"note": SECRET},
    )
    for address in (
        reverse("admin:events_event_change", args=[event_id]),
        reverse("admin:events_event_data", args=[event_id]),
        reverse("admin:events_event_preview", args=[event_id, 1]),
        EVENTS,
    ):
        assert SECRET not in page(admin_client, address)
    assert "writeText('');alert" not in event_page(admin_client, event_id)


def test_an_event_without_its_data_still_has_a_page(
    admin_client: Client, event_type: EventType
) -> None:
    event_id = sent(event_type)
    EventContext.objects.all().delete()
    assert "purged" in event_page(admin_client, event_id)
    assert "purged" in page(
        admin_client, reverse("admin:events_event_data", args=[event_id])
    )


@pytest.mark.parametrize(
    "path",
    [
        "nonsense/change/",
        "%00/change/",
        f"{NOBODY}/change/",
        f"{NOBODY}/data/",
        f"{NOBODY}/deliveries/1/preview/",
        f"{NOBODY}/deliveries/0/preview/",
        f"{NOBODY}/deliveries/99999999999999999999/preview/",
        f"{NOBODY}/deliveries/1/preview/html/",
        f"{NOBODY}/deliveries/1/retry/confirm/",
        f"{NOBODY}/cancel/confirm/",
        f"{NOBODY}/nosuch/confirm/",
    ],
)
def test_what_is_not_there_is_not_found(admin_client: Client, path: str) -> None:
    page(admin_client, EVENTS + path, status=404)


def test_sensitive_values_are_hidden_everywhere(
    admin_client: Client, event_type: EventType
) -> None:
    EventType.objects.update(sensitive_paths=["order.number"])
    event_id = sent(event_type, ctx={"order": {"number": "geheim-4711"}})
    data = page(admin_client, reverse("admin:events_event_data", args=[event_id]))
    preview = reverse("admin:events_event_preview", args=[event_id, 1])
    shown = [
        event_page(admin_client, event_id),
        data,
        page(admin_client, preview),
        page(admin_client, f"{preview}?tab=text"),
        page(admin_client, f"{preview}?tab=source"),
        page(admin_client, f"{preview}html/"),
    ]
    assert not any("geheim-4711" in text for text in shown)
    assert "••••" in data
    assert "Matches what was sent" in shown[2]


def test_html_of_a_message_is_shut_in(
    admin_client: Client, event_type: EventType
) -> None:
    event_id = sent(event_type)
    preview = reverse("admin:events_event_preview", args=[event_id, 1])
    assert "<iframe" in page(admin_client, preview)
    assert "sandbox referrerpolicy" in page(admin_client, preview)
    answer = admin_client.get(f"{preview}html/")
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "Order 10293" in answer.content.decode()


def test_the_page_says_what_an_open_event_waits_for(
    admin_client: Client, event_type: EventType
) -> None:
    later = timezone.now() + timedelta(hours=3, seconds=30)
    scheduled = post(event_type, scheduled_at=later.isoformat())
    assert "It is scheduled, and sent in 3 h." in event_page(admin_client, scheduled)
    # Under a lease, due_at is its end and says nothing of a next try.
    claimed = post(event_type)
    work.claim(
        "normal",
        owner="w",
        limit=10,
        lease_seconds=60,
        live=publishing.live_versions(),
    )
    text = event_page(admin_client, claimed)
    assert "It waits for its turn to be sent." in text
    assert "Next try" not in text


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (OutcomeKind.TRANSIENT, "It was refused for now and is tried again in"),
        (OutcomeKind.ROUTE, "The provider could not be reached; it is tried again in"),
    ],
)
def test_the_page_says_when_a_message_is_tried_again(
    admin_client: Client,
    event_type: EventType,
    channel: CaptureChannel,
    kind: OutcomeKind,
    sentence: str,
) -> None:
    channel._answers = lambda _m: Outcome(kind, answer="451 greylisted")
    assert sentence in event_page(admin_client, sent(event_type))


# --- what an operator can do ----------------------------------------------------


def test_a_verb_is_asked_first_and_done_by_post(
    admin_client: Client, event_type: EventType
) -> None:
    event_id = post(event_type)
    address = verb_url(event_id, "cancel")
    assert "Cancel this event?" in page(admin_client, address)
    assert Work.objects.count() == 1
    answer = admin_client.post(address, follow=True)
    assert "It is cancelled." in answer.content.decode()
    assert Event.objects.get(pk=event_id).outcome == "cancelled"


def test_retry_twice_says_why_not(admin_client: Client, event_type: EventType) -> None:
    event_id = sent(event_type)
    address = verb_url(event_id, "retry", 1)
    assert "as delivery 2" in admin_client.post(address, follow=True).content.decode()
    text = admin_client.post(address, follow=True).content.decode()
    assert "retried already" in text
    assert Work.objects.count() == 1


def test_sending_again_says_that_nothing_is_published(
    admin_client: Client, event_type: EventType
) -> None:
    event_id = sent(event_type)
    address = verb_url(event_id, "retry", 1)
    publishing.unpublish(Message.objects.get())
    asked = page(admin_client, address)
    assert "No message is published for this event type on this channel" in asked
    assert 'type="submit" class="pg-button' not in asked
    done = admin_client.post(address, follow=True).content.decode()
    assert "No message is published for this event type on this channel" in done
    assert Event.objects.get(pk=event_id).outcome == "processed"


def test_sending_again_says_that_it_waits_while_paused(
    admin_client: Client, event_type: EventType
) -> None:
    event_id = sent(event_type)
    address = verb_url(event_id, "retry", 1)
    publishing.pause(Message.objects.get())
    assert "Its message is paused now" in page(admin_client, address)
    done = admin_client.post(address, follow=True).content.decode()
    assert "It waits as delivery 2, until its message is resumed." in done
    factories.drain()
    text = event_page(admin_client, event_id)
    assert "was paused" in text
    assert "Now: paused" in text


def test_a_held_message_can_be_sent_or_ended(
    admin_client: Client, channel: CaptureChannel
) -> None:
    event_type = factories.make_event_type()
    factories.publish(event_type=event_type, unknown_outcome=UnknownOutcome.ASK)
    event_type.refresh_from_db()
    channel._answers = lambda _m: Outcome(OutcomeKind.UNKNOWN, answer="cut off")
    event_id = sent(event_type)
    text = event_page(admin_client, event_id)
    assert "send-held" in text
    assert "end-held" in text
    admin_client.post(verb_url(event_id, "end-held", 1))
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == ("uncertain", "ended_by_operator")
    assert "It did not arrive" in event_page(admin_client, event_id)
    admin_client.post(verb_url(event_id, "not-arrived", 1))
    delivery.refresh_from_db()
    assert delivery.resolved_as == "not_sent"


def test_an_event_without_a_message_can_be_routed_again(
    admin_client: Client, channel: CaptureChannel
) -> None:
    event_type = factories.make_event_type(when_uncovered="store")
    event_id = post(event_type)
    Work.objects.update(due_at="2020-01-01T00:00Z", expires_at="2020-01-01T00:00Z")
    factories.drain()
    assert "Route again" in event_page(admin_client, event_id)
    admin_client.post(verb_url(event_id, "reroute"))
    assert Work.objects.get().event_id == event_id


def test_who_may_only_look_can_do_nothing(event_type: EventType) -> None:
    event_id = sent(event_type)
    client = viewer()
    text = event_page(client, event_id)
    assert "/confirm/" not in text
    for address in (verb_url(event_id, "cancel"), verb_url(event_id, "retry", 1)):
        page(client, address, status=403)
        assert client.post(address).status_code == 403
    assert Work.objects.count() == 0
    assert client.get("/admin/events/event/add/").status_code == 403


def test_who_may_not_look_sees_nothing(event_type: EventType) -> None:
    event_id = sent(event_type)
    user = User.objects.create_user("nobody", is_staff=True)
    client = Client()
    client.force_login(user)
    preview = reverse("admin:events_event_preview", args=[event_id, 1])
    for address in (EVENTS, f"{EVENTS}{event_id}/change/", preview, f"{preview}html/"):
        page(client, address, status=403)


# --- executions -----------------------------------------------------------------


def test_executions_show_their_counts(
    admin_client: Client,
    event_type: EventType,
    channel: CaptureChannel,
    django_assert_max_num_queries: Any,
) -> None:
    sent(event_type)
    channel._answers = lambda _m: Outcome(OutcomeKind.PERMANENT, answer="550 no")
    sent(event_type)
    execution = Execution.objects.get()
    with django_assert_max_num_queries(11):
        text = page(admin_client, "/admin/history/execution/")
    assert str(execution) in text
    assert "50 %" in text
    hour = timezone.localtime(Tally.objects.latest("hour").hour)
    assert f"{hour:%H:%M}–{hour + timedelta(hours=1):%H:%M}" in text
    address = reverse("admin:history_execution_change", args=[execution.pk])
    assert "ada@example.com" in page(admin_client, address)
    assert "Nobody was left out" in page(admin_client, f"{address}?tab=exclusion")
    assert "refused the content" in page(admin_client, f"{address}?tab=causes")
    for query in ("tab=%00", "before=x", "tab=causes&before=x"):
        page(admin_client, f"{address}?{query}")
    page(
        admin_client,
        "/admin/history/execution/99999999999999999999/change/",
        status=404,
    )


def test_the_sending_log_is_paged_by_id(
    admin_client: Client, event_type: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("history.admin.LOG_PAGE", 2)
    first, second, third = (sent(event_type) for _ in range(3))
    execution = Execution.objects.get()
    address = reverse("admin:history_execution_change", args=[execution.pk])
    text = page(admin_client, address)
    assert str(third) in text
    assert str(first) not in text
    older = page(admin_client, f"{address}?before={ids.delivery_id(second, 1)}")
    assert str(first) in older
    assert str(second) not in older


# --- inbox ----------------------------------------------------------------------


def test_the_inbox_shows_mail_shut_in_and_leads_to_its_event(
    admin_client: Client, event_type: EventType
) -> None:
    assert "Nothing has arrived yet" in page(admin_client, "/admin/txmsg/inboxmessage/")
    event_id = sent(event_type)
    mail = InboxMessage.objects.create(
        channel="email",
        recipient="ada@example.com",
        subject=SECRET,
        raw=f"Subject: hi\r\nContent-Type: text/html\r\n\r\n<p>{SECRET}".encode(),
        delivery_id=ids.delivery_id(event_id, 1),
    )
    sms = InboxMessage.objects.create(
        channel="sms", recipient="+49151", raw=json.dumps({"text": SECRET}).encode()
    )
    assert SECRET not in page(admin_client, "/admin/txmsg/inboxmessage/?q=ada")
    for message in (mail, sms):
        address = reverse("admin:txmsg_inboxmessage_change", args=[message.pk])
        for tab in ("", "?tab=text", "?tab=source", "?tab=headers", "?tab=x"):
            assert SECRET not in page(admin_client, address + tab)
    address = reverse("admin:txmsg_inboxmessage_change", args=[mail.pk])
    assert str(event_id) in page(admin_client, address)
    assert "Open in the inbox" in event_page(admin_client, event_id)
    answer = admin_client.get(reverse("admin:txmsg_inboxmessage_html", args=[mail.pk]))
    assert answer["Content-Security-Policy"].startswith("sandbox;")
    page(admin_client, f"/admin/txmsg/inboxmessage/{sms.pk}/html/", status=404)
    page(admin_client, "/admin/txmsg/inboxmessage/nonsense/change/", status=404)


# --- event types, sources, suppressions -------------------------------------------


def form_of(event_type: EventType, **fields: str) -> dict[str, str]:
    return {
        "name": event_type.name,
        "label": "Order confirmed",
        "kind": "event",
        "lane": "normal",
        "ttl_seconds": "30 minutes",
        "channel_order": "sms,email",
        "when_uncovered": "reject",
        "contract_mode": "strict",
        "contract": json.dumps(event_type.contract),
        "sample": '{"order": {"number": "1"}}',
        "sensitive_paths": "order.number\n\norder.number\nother",
        "retention_days": "400",
        "context_retention_days": "30",
        **fields,
    }


def test_an_event_type_is_edited_in_human_units(
    admin_client: Client, event_type: EventType
) -> None:
    address = reverse("admin:events_eventtype_change", args=[event_type.pk])
    text = page(admin_client, address)
    assert "5 days" in text
    assert "curl -sS http://testserver/api/v1/events" in text
    assert event_type.name in page(admin_client, "/admin/events/eventtype/")
    answer = admin_client.post(address, form_of(event_type))
    assert answer.status_code == 302
    event_type.refresh_from_db()
    assert event_type.ttl_seconds == 1800
    assert event_type.channel_order == ["sms", "email"]
    assert event_type.sensitive_paths == ["order.number", "other"]
    assert event_type.live_channels == ["email"]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("contract", '{\n  "type": object}', "Line 2, column 11"),
        ("contract", "[]", "The contract must be one JSON object."),
        ("sample", "null", "The sample must be one JSON object."),
        ("contract", '{"type": "objekt"}', "not a valid JSON Schema"),
        ("sample", '{"order": {}}', "/ctx/order/number is required"),
        ("sample", '{"a": 1, "a": 2}', "stands twice"),
        ("sample", '{"order": {"number": "\\u0000"}}', "NUL"),
        ("ttl_seconds", "soon", "a number and a unit"),
        ("ttl_seconds", "0 days", "between 1 second"),
        ("channel_order", "fax", "valid choice"),
        ("name", "two words/é", "It cannot hold a blank, “/”, “é”."),
        ("name", ".order", "must begin with a letter or a digit"),
        ("name", "Taken.Name", "There is an event type “taken.name” already; names"),
        ("name", "taken.name", "There is an event type “taken.name” already."),
    ],
)
def test_a_wrong_event_type_is_refused_in_words(
    admin_client: Client, event_type: EventType, field: str, value: str, sentence: str
) -> None:
    factories.make_event_type(name="taken.name")
    address = reverse("admin:events_eventtype_change", args=[event_type.pk])
    answer = admin_client.post(address, form_of(event_type, **{field: value}))
    assert answer.status_code == 200
    assert sentence in answer.content.decode()


def test_a_new_event_type_is_saved_with_what_is_filled_in(
    admin_client: Client,
) -> None:
    address = "/admin/events/eventtype/add/"
    form = admin_client.get(address).context["adminform"].form
    given = {bound.html_name: bound.value() for bound in form if bound.value()}
    answer = admin_client.post(address, {**given, "name": "a.b", "label": "A"})
    assert answer.status_code == 302
    event_type = EventType.objects.get()
    assert event_type.contract == {"type": "object"}
    assert (event_type.sample, event_type.ttl_seconds) == ({}, 5 * 86_400)
    assert event_type.channel_order == ["email", "sms", "push"]


def test_every_scope_is_asked_for_by_an_address() -> None:
    paths = [Path(module.__file__) for module in (events_views, admission)]
    paths += Path(api.__file__).parent.rglob("*.py")
    sources = "".join(path.read_text() for path in paths)
    asked_for = {scope for scope in Scope if f"Scope.{scope.name}" in sources}
    assert asked_for == set(Scope)


def test_a_key_is_shown_once_and_works(
    admin_client: Client, event_type: EventType
) -> None:
    source = Source.objects.create(name=factories.unique("shop"))
    address = reverse("admin:events_source_create_key", args=[source.pk])
    assert "Create the key" in page(admin_client, address)
    answer = admin_client.post(
        address, {"scopes": ["events:write"], "expires_in_days": "30"}
    )
    key = ApiKey.objects.get(source=source)
    text = answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert f"txk_{key.prefix}_" in text
    assert (key.scopes, key.expires_at is not None) == (["events:write"], True)
    shown = page(admin_client, reverse("admin:events_source_change", args=[source.pk]))
    secret = text.split(f"txk_{key.prefix}_")[1][:46]
    assert str(key) in shown
    assert secret not in shown
    revoke = reverse("admin:events_source_revoke_key", args=[source.pk, key.pk])
    assert "cannot be undone" in page(admin_client, revoke)
    admin_client.post(revoke)
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_a_source_is_checked_before_it_is_kept(admin_client: Client) -> None:
    address = "/admin/events/source/add/"
    form = {"name": "shop", "is_active": "on", "scopes": ["events:write"]}
    wrong = {**form, "allowed_types": "nosuch", "allowed_networks": "10.0.0.0/99"}
    text = admin_client.post(address, wrong).content.decode()
    assert "There is no event type of this name: nosuch." in text
    assert "10.0.0.0/99 is no network" in text
    right = {**form, "allowed_networks": "10.0.0.0/8\n::1"}
    assert admin_client.post(address, right).status_code == 302
    assert Source.objects.get().allowed_networks == ["10.0.0.0/8", "::1"]
    assert "shop" in page(admin_client, "/admin/events/source/")


def test_a_suppression_is_kept_as_it_is_compared(admin_client: Client) -> None:
    address = "/admin/history/suppression/add/"
    form = {"channel": "email", "address": " Ada@Example.COM ", "reason": "manual"}
    assert admin_client.post(address, form).status_code == 302
    entry = Suppression.objects.get()
    assert entry.address == "ada@example.com"
    assert entry.created_by is not None
    found = page(admin_client, "/admin/history/suppression/?q=ADA@")
    assert "ada@example.com" in found
    again = admin_client.post(address, form).content.decode()
    assert "already exists" in again
    page(admin_client, f"/admin/history/suppression/{entry.pk}/change/")
    assert "DatabaseDefault" not in page(admin_client, address)
    phone = {**form, "channel": "sms", "address": "+49 151 12345678"}
    assert admin_client.post(address, phone).status_code in (200, 302)
    assert not Suppression.objects.filter(address__contains=" ").exists()
    wrong = admin_client.post(address, {**form, "address": "no address"})
    assert "It " in wrong.content.decode()
    assert Suppression.objects.filter(channel="email").count() == 1
