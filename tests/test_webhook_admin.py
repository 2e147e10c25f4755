"""The admin's pages of webhooks: made, shown once, stopped, looked into."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from events.models import Source, WebhookAttempt, WebhookEndpoint, WebhookMessage
from tests import factories
from txmsg.webhooks import endpoints, signing

pytestmark = pytest.mark.django_db
URL = "https://8.8.8.8/hook"
LIST = "admin:events_webhookendpoint_changelist"
MESSAGES = "admin:events_webhookmessage_changelist"


@pytest.fixture
def source() -> Source:
    return Source.objects.create(name=factories.unique("shop"))


@pytest.fixture
def endpoint(source: Source) -> WebhookEndpoint:
    return endpoints.create(source, url=URL)[0]


def make_message(endpoint: WebhookEndpoint, **fields: Any) -> WebhookMessage:
    now = timezone.now()
    return WebhookMessage.objects.create(
        **{
            "endpoint": endpoint,
            "name": "event.processed",
            "data": {"event_id": "1", "external_id": "ord-1"},
            "occurred_at": now,
            "due_at": now,
            **fields,
        }
    )


def page_of(endpoint: WebhookEndpoint) -> str:
    return reverse("admin:events_webhookendpoint_change", args=[endpoint.pk])


def do(client: Client, endpoint: WebhookEndpoint, verb: str, **data: Any) -> Any:
    address = reverse("admin:events_webhookendpoint_verb", args=[endpoint.pk, verb])
    assert client.get(address).status_code in (200, 302)
    return client.post(address, data, follow=True)


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_empty_pages_say_what_they_are_for(admin_client: Client) -> None:
    assert "Nobody is told anything yet" in text_of(admin_client.get(reverse(LIST)))
    shown = text_of(admin_client.get(reverse(MESSAGES)))
    assert "Nobody has been told anything yet" in shown


def test_an_endpoint_is_made_and_its_secret_shown_once(
    admin_client: Client, source: Source
) -> None:
    event_type = factories.make_event_type()
    answer = admin_client.post(
        reverse("admin:events_webhookendpoint_add"),
        {
            "source": source.pk,
            "url": URL,
            "description": "the shop",
            "events": ["event.processed", "delivery.failed"],
            "event_types": event_type.name,
        },
    )
    endpoint = WebhookEndpoint.objects.get()
    secret = signing.secret_of(endpoint.secret_seed)
    assert secret in text_of(answer)
    assert "no-store" in answer["Cache-Control"]
    assert endpoint.events == ["delivery.failed", "event.processed"]
    assert endpoint.event_types == [event_type.name]
    shown = text_of(admin_client.get(page_of(endpoint)))
    assert secret not in shown
    assert endpoint.secret_seed not in shown
    assert "Not tried yet" in shown
    assert "2 types, of 1 event type" in text_of(admin_client.get(reverse(LIST)))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "https://127.0.0.1/"}, "lies in a private network"),
        ({"url": "http://8.8.8.8/"}, "has to be on https"),
        ({"event_types": "no.such"}, "does not exist"),
        ({"events": ["webhook.test"]}, "not one of the available choices"),
    ],
)
def test_what_an_endpoint_cannot_be_is_said_at_its_field(
    admin_client: Client, source: Source, fields: dict[str, Any], said: str
) -> None:
    data = {"source": source.pk, "url": URL, **fields}
    address = reverse("admin:events_webhookendpoint_add")
    answer = admin_client.post(address, data)
    assert answer.status_code == 200
    assert said in text_of(answer)
    assert not WebhookEndpoint.objects.exists()


def test_a_source_with_its_share_is_told_so(
    admin_client: Client, endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "MAX_PER_SOURCE", 1)
    address = reverse("admin:events_webhookendpoint_add")
    data = {"source": endpoint.source_id, "url": URL}
    answer = admin_client.post(address, data, follow=True)
    assert "1 endpoints at most" in text_of(answer)


def test_an_endpoint_is_changed_but_not_given_away(
    admin_client: Client, endpoint: WebhookEndpoint
) -> None:
    other = Source.objects.create(name=factories.unique("other"))
    data = {"source": other.pk, "url": "https://8.8.4.4/", "description": "new"}
    answer = admin_client.post(page_of(endpoint), data)
    assert answer.status_code == 302
    before = endpoint.source_id
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.description) == ("https://8.8.4.4/", "new")
    assert endpoint.source_id == before


def test_a_test_is_sent_and_shown_among_the_messages(
    admin_client: Client, endpoint: WebhookEndpoint
) -> None:
    shown = text_of(do(admin_client, endpoint, "test"))
    assert "A test is on its way" in shown
    assert "webhook.test" in shown
    assert WebhookMessage.objects.get().endpoint_id == endpoint.pk


def test_an_endpoint_is_paused_resumed_and_removed(
    admin_client: Client, endpoint: WebhookEndpoint
) -> None:
    do(admin_client, endpoint, "pause")
    endpoint.refresh_from_db()
    assert endpoint.status == "paused"
    assert "Not now: the endpoint is paused" in text_of(
        do(admin_client, endpoint, "test")
    )
    do(admin_client, endpoint, "resume")
    endpoint.refresh_from_db()
    assert endpoint.status == "active"
    assert "It is removed" in text_of(do(admin_client, endpoint, "remove"))
    assert not WebhookEndpoint.objects.exists()


def test_what_was_given_up_is_recovered_since_a_choice_of_times(
    admin_client: Client, endpoint: WebhookEndpoint
) -> None:
    message = make_message(endpoint, status="failed")
    shown = text_of(do(admin_client, endpoint, "recover", since="24"))
    assert "1 message is sent once more" in shown
    message.refresh_from_db()
    assert message.status == "pending"
    shown = text_of(do(admin_client, endpoint, "recover", since="24"))
    assert "Nothing was given up" in shown


def test_a_secret_is_rotated_and_shown_once(
    admin_client: Client, endpoint: WebhookEndpoint
) -> None:
    address = reverse("admin:events_webhookendpoint_rotate", args=[endpoint.pk])
    assert "For 24 hours" in text_of(admin_client.get(address))
    answer = admin_client.post(address)
    endpoint.refresh_from_db()
    assert signing.secret_of(endpoint.secret_seed) in text_of(answer)
    assert "signed with the new secret and the old one" in text_of(
        admin_client.get(page_of(endpoint))
    )
    assert "ends to count now" in text_of(admin_client.get(address))


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({}, "Not tried yet"),
        ({"last_success_at": timezone.now()}, "Well"),
        ({"failures": 1, "failing_since": timezone.now()}, "Failing"),
        ({"failures": 9, "failing_since": timezone.now()}, "Down"),
        ({"status": "paused"}, "Paused"),
        ({"status": "disabled"}, "Disabled"),
        ({"status": "gone"}, "Gone"),
    ],
)
def test_the_list_says_how_an_endpoint_does(
    admin_client: Client, endpoint: WebhookEndpoint, fields: Any, label: str
) -> None:
    WebhookEndpoint.objects.update(**fields)
    shown = text_of(admin_client.get(reverse(LIST)))
    assert label in re.findall(r'class="pg-pill[^>]*>([^<]+)<', shown)
    is_alarm = "told nothing any more" in shown or "took nothing for" in shown
    assert is_alarm is (label in ("Disabled", "Gone"))
    assert admin_client.get(page_of(endpoint)).status_code == 200


def test_a_message_shows_its_tries_and_is_sent_once_more(
    admin_client: Client, endpoint: WebhookEndpoint
) -> None:
    message = make_message(endpoint, status="failed", attempts=2)
    WebhookAttempt.objects.create(
        message=message,
        number=2,
        started_at=timezone.now(),
        seconds=0.25,
        status_code=500,
        answer="<b>it broke</b>",
        problem="It answered 500.",
    )
    address = reverse("admin:events_webhookmessage_change", args=[message.pk])
    shown = text_of(admin_client.get(address))
    assert "&lt;b&gt;it broke&lt;/b&gt;" in shown
    assert "It answered 500." in shown
    assert "Of some tries nothing was noted" in shown
    again = reverse("admin:events_webhookmessage_redeliver", args=[message.pk])
    assert "It keeps its id" in text_of(admin_client.get(again))
    assert "It is sent once more" in text_of(admin_client.post(again, follow=True))
    message.refresh_from_db()
    assert message.status == "pending"
    WebhookEndpoint.objects.update(status="paused")
    assert "not active" in text_of(admin_client.post(again, follow=True))
    for missing in ("999999", "nothing"):
        address = reverse("admin:events_webhookmessage_change", args=[missing])
        assert admin_client.get(address).status_code == 404


def test_messages_are_found_by_ids_and_filters(
    admin_client: Client, endpoint: WebhookEndpoint
) -> None:
    caller = factories.make_caller()
    accepted = factories.accept(factories.publish().message.event_type, caller)  # type: ignore[arg-type]
    mine = make_message(endpoint, event_id=accepted.id)
    mine.refresh_from_db()
    make_message(endpoint, name="event.failed", status="failed")
    gone = make_message(endpoint)
    WebhookMessage.objects.filter(pk=gone.pk).update(endpoint_id=accepted.id)

    def rows(query: str) -> int:
        answer = admin_client.get(f"{reverse(MESSAGES)}?{query}")
        assert answer.status_code == 200
        return len(answer.context["cl"].result_list)

    assert rows("") == 2
    assert rows(f"q={accepted.id}") == rows(f"q={mine.webhook_id}") == 1
    assert rows("q=nothing") == 0
    assert rows("status=failed") == rows("type=event.failed") == 1
    assert rows(f"endpoint={endpoint.pk}") == 2
    address = reverse("admin:events_webhookmessage_change", args=[mine.pk])
    event_page = reverse("admin:events_event_change", args=[accepted.id])
    assert event_page in text_of(admin_client.get(address))


def test_who_may_only_look_changes_nothing(endpoint: WebhookEndpoint) -> None:
    user = User.objects.create_user("looker", is_staff=True)
    names = ["view_webhookendpoint", "view_webhookmessage"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    message = make_message(endpoint)
    shown = text_of(client.get(page_of(endpoint)))
    assert "Rotate secret" not in shown
    assert "Send a test" not in shown
    address = reverse("admin:events_webhookmessage_change", args=[message.pk])
    assert "Redeliver" not in text_of(client.get(address))
    for verb in ("test", "pause", "resume", "recover", "remove"):
        address = reverse("admin:events_webhookendpoint_verb", args=[endpoint.pk, verb])
        assert client.post(address).status_code == 403
    for name, key in [
        ("events_webhookendpoint_rotate", endpoint.pk),
        ("events_webhookmessage_redeliver", message.pk),
    ]:
        assert client.post(reverse(f"admin:{name}", args=[key])).status_code == 403
    stranger = Client()
    stranger.force_login(User.objects.create_user("nobody", is_staff=True))
    for name in (LIST, MESSAGES):
        assert stranger.get(reverse(name)).status_code == 403
    assert stranger.get(address).status_code == 403
