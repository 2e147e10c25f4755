"""The suppression list: how addresses are kept, listed, added and taken off."""

from __future__ import annotations

import pytest

from events.addresses import BadAddress
from history import suppressions
from history.models import Suppression
from tests import factories

pytestmark = pytest.mark.django_db


def add(address: str, *, channel: str = "email", reason: str = "manual") -> Suppression:
    entry, is_new = suppressions.add(
        channel=channel,
        address=suppressions.checked(channel, address),
        reason=reason,
        source_id=factories.make_caller().source_id,
    )
    assert is_new
    return entry


@pytest.mark.parametrize(
    ("channel", "typed", "kept"),
    [
        ("email", " Ada@Example.COM ", "ada@example.com"),
        ("email", "ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("sms", "+33612345678", "+33612345678"),
        ("push", "fcm:Token-1", "fcm:token-1"),
    ],
)
def test_an_address_is_kept_as_deliveries_are_compared_with(
    channel: str, typed: str, kept: str
) -> None:
    assert suppressions.checked(channel, typed) == kept
    add(typed, channel=channel)
    assert suppressions.suppressed([(channel, kept)]) == {(channel, kept)}


@pytest.mark.parametrize(
    ("channel", "typed", "code"),
    [
        ("email", "no address", "invalid_email"),
        ("email", "a@example.com, b@example.com", "single_recipient_only"),
        ("sms", "0612345678", "e164_required"),
        ("push", "no-platform", "invalid_push_token"),
    ],
)
def test_what_is_no_address_is_not_kept(channel: str, typed: str, code: str) -> None:
    with pytest.raises(BadAddress) as bad:
        suppressions.checked(channel, typed)
    assert bad.value.code == code


def test_an_address_that_is_there_stays_as_it_is() -> None:
    first = add("ada@example.com", reason="complaint")
    again, is_new = suppressions.add(
        channel="email",
        address="ada@example.com",
        reason="manual",
        note="another",
        source_id=factories.make_caller().source_id,
    )
    assert (again.pk, again.reason, again.note) == (first.pk, "complaint", "")
    assert not is_new


def test_the_list_has_the_last_first_and_goes_on_behind_an_entry() -> None:
    made = [add(f"{n}@example.com") for n in range(4)]
    listed = suppressions.listed(limit=3)
    assert [entry.pk for entry in listed] == [m.pk for m in reversed(made[1:])]
    rest = suppressions.listed(before=listed[-1].pk, limit=3)
    assert [entry.pk for entry in rest] == [made[0].pk]


def test_the_list_is_narrowed_by_channel_reason_and_address() -> None:
    mail = add("ada@example.com", reason="complaint")
    phone = add("+33612345678", channel="sms")
    assert suppressions.listed(channel="sms", limit=9) == [phone]
    assert suppressions.listed(reason="complaint", limit=9) == [mail]
    assert suppressions.listed(address=" ADA@example.com", limit=9) == [mail]
    assert not suppressions.listed(channel="sms", address="ada@example.com", limit=9)


def test_what_is_taken_off_gets_mail_again() -> None:
    entry = add("ada@example.com")
    rows = Suppression.objects.filter(pk=entry.pk)
    assert suppressions.remove(rows, source_id=1)
    assert not suppressions.remove(rows, source_id=1)
    assert not suppressions.suppressed([("email", "ada@example.com")])
