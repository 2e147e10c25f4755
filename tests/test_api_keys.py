"""API keys: what is kept of them, and who may call."""

from __future__ import annotations

import hmac
import re
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events import api_keys
from events.models import ApiKey, Scope, Source
from events.problems import Refused
from tests import factories

HOME = "127.0.0.1"


@pytest.fixture
def source(db: None) -> Source:
    return Source.objects.create(name=factories.unique("source"))


def authenticate(text: str, address: str = HOME) -> api_keys.Caller:
    return api_keys.authenticate(f"Bearer {text}", remote_address=address)


def refused(text: str, address: str = HOME) -> Refused:
    with pytest.raises(Refused) as raised:
        authenticate(text, address)
    return raised.value


def test_a_key_is_recognised_by_its_form_and_kept_as_a_hash(source: Source) -> None:
    key, text = api_keys.create(source)
    assert re.fullmatch(r"txk_[0-9A-Za-z]{10}_[0-9A-Za-z]{46}", text)
    secret = text.split("_")[2]
    stored = ApiKey.objects.values().get()
    assert secret not in repr(stored)
    assert bytes(stored["secret_hash"]) != secret.encode()
    assert (key.last_four, str(key)) == (
        secret[-4:],
        f"txk_{key.prefix}_…{secret[-4:]}",
    )
    assert api_keys.create(source)[1] != text


def test_a_caller_has_what_key_and_source_both_allow(source: Source) -> None:
    source.scopes = ["events:write", "events:read"]
    source.allowed_types = ["order.confirmed"]
    source.save()
    _, text = api_keys.create(source, scopes=["events:read", "content:read"])
    caller = authenticate(text)
    assert caller.source_id == source.pk
    assert caller.source_name == source.name
    assert caller.scopes == {"events:read"}
    caller.require(Scope.EVENTS_READ)
    with pytest.raises(Refused, match="events:write"):
        caller.require(Scope.EVENTS_WRITE)
    caller.require_type("order.confirmed")
    with pytest.raises(Refused) as raised:
        caller.require_type("another.type")
    assert (raised.value.status, raised.value.code) == (403, "event_type_not_allowed")


def test_a_key_has_all_scopes_unless_given(source: Source) -> None:
    _, text = api_keys.create(source)
    assert authenticate(text).scopes == set(Scope.values)
    assert authenticate(text).allowed_types == set()
    authenticate(text).require_type("any.type")


def test_two_keys_of_a_source_work_at_once_and_end_alone(source: Source) -> None:
    (old_key, old), (_, new) = api_keys.create(source), api_keys.create(source)
    assert authenticate(old) == authenticate(new)
    ApiKey.objects.filter(pk=old_key.pk).update(revoked_at=datetime.now(UTC))
    assert refused(old).code == "key_revoked"
    assert authenticate(new).source_id == source.pk


def test_a_key_ends_with_its_time_and_with_its_source(source: Source) -> None:
    now = datetime.now(UTC)
    _, text = api_keys.create(source, expires_at=now + timedelta(minutes=1))
    assert authenticate(text)
    ApiKey.objects.update(expires_at=now)
    assert (refused(text).status, refused(text).code) == (401, "key_expired")
    ApiKey.objects.update(expires_at=None)
    Source.objects.update(is_active=False)
    assert refused(text).code == "key_revoked"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "a",
        lambda text: text.replace("txk_", "txm_"),
        lambda text: text.replace("_", "-"),
        lambda text: text[:-1] + ("a" if text[-1] != "a" else "b"),
        lambda text: text[:20] + ("a" if text[20] != "a" else "b") + text[21:],
        lambda text: text[:4] + ("a" if text[4] != "a" else "b") + text[5:],
        lambda text: text[:8] + "\x00" + text[9:],
        lambda text: text[:8] + "é" + text[9:],
        lambda text: text.upper(),
        lambda _: "txk__",
    ],
)
def test_a_mistyped_key_is_told_without_the_database(change: Any) -> None:
    """No database mark: a query would fail this test."""
    prefix, body = "a1B2c3D4e5", "x" * 40
    text = f"txk_{prefix}_{body}{api_keys._checksum(prefix + body)}"
    assert refused(change(text)).code == "malformed_api_key"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "missing_api_key"),
        ("", "missing_api_key"),
        ("Basic YTpi", "unsupported_scheme"),
        ("Token x", "unsupported_scheme"),
        ("Bearer", "malformed_api_key"),
    ],
)
def test_a_header_without_a_key_is_refused(header: str | None, code: str) -> None:
    with pytest.raises(Refused) as raised:
        api_keys.authenticate(header, remote_address=HOME)
    assert (raised.value.status, raised.value.code) == (401, code)
    assert raised.value.headers == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_name_of_the_scheme_has_no_case(source: Source, scheme: str) -> None:
    _, text = api_keys.create(source)
    assert api_keys.authenticate(f"{scheme}  {text} ", remote_address=HOME)


def test_an_unknown_key_is_compared_like_a_known_one(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, text = api_keys.create(source)
    compared: list[tuple[bytes, bytes]] = []
    really = hmac.compare_digest

    def compare(kept: bytes, given: bytes) -> bool:
        compared.append((kept, given))
        return really(kept, given)

    monkeypatch.setattr(api_keys.hmac, "compare_digest", compare)
    authenticate(text)
    key.delete()
    error = refused(text)
    assert (error.status, error.code) == (401, "invalid_api_key")
    assert len(compared) == 2
    assert len(compared[1][0]) == 32


def test_an_unknown_key_takes_as_long_as_a_wrong_secret(source: Source) -> None:
    """Medians of many, within a wide bound: noise is large, a skipped hash larger."""
    _, known = api_keys.create(source)
    prefix, body = known.split("_")[1], "x" * 40
    wrong = f"txk_{prefix}_{body}{api_keys._checksum(prefix + body)}"
    prefix = "0000000000"
    unknown = f"txk_{prefix}_{body}{api_keys._checksum(prefix + body)}"
    took: dict[str, list[float]] = {wrong: [], unknown: []}
    for _ in range(30):
        for text, times in took.items():
            began = time.perf_counter()
            refused(text)
            times.append(time.perf_counter() - began)
    one, two = (statistics.median(times) for times in took.values())
    assert max(one, two) < 5 * min(one, two)


@pytest.mark.parametrize(
    ("networks", "address", "is_allowed"),
    [
        ([], "203.0.113.9", True),
        ([], "", True),
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "11.1.2.3", False),
        (["192.0.2.7"], "192.0.2.7", True),
        (["10.1.2.3/8"], "10.9.9.9", True),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "10.1.2.3", False),
        (["10.0.0.0/8"], "", False),
        (["10.0.0.0/8"], "unix", False),
        (["nonsense", "10.0.0.0/8"], "10.1.2.3", True),
        (["nonsense"], "10.1.2.3", False),
    ],
)
def test_a_source_calls_from_its_networks_only(
    source: Source, networks: list[str], address: str, is_allowed: bool
) -> None:
    _, text = api_keys.create(source)
    Source.objects.update(allowed_networks=networks)
    if is_allowed:
        assert authenticate(text, address)
    else:
        error = refused(text, address)
        assert (error.status, error.code) == (403, "ip_not_allowed")


def test_a_refusal_by_network_says_who_called(source: Source) -> None:
    key, text = api_keys.create(source)
    Source.objects.update(allowed_networks=["10.0.0.0/8"])
    assert refused(text).caller.source_id == source.pk
    assert refused(text).caller.key == str(key)
    key.refresh_from_db()
    assert key.last_used_at is None, "it was not let in"


def test_the_last_use_is_written_once_a_minute(
    source: Source, django_assert_num_queries: Any
) -> None:
    key, text = api_keys.create(source)
    with django_assert_num_queries(2):
        authenticate(text)
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    with django_assert_num_queries(1):
        authenticate(text)
    earlier = first - timedelta(seconds=61)
    ApiKey.objects.update(last_used_at=earlier)
    with django_assert_num_queries(2):
        authenticate(text)
    key.refresh_from_db()
    assert key.last_used_at is not None
    assert key.last_used_at > earlier


def test_a_use_that_another_process_has_noted_is_not_written_again(
    source: Source,
) -> None:
    key, _ = api_keys.create(source)
    noted = datetime.now(UTC) - timedelta(seconds=1)
    ApiKey.objects.update(last_used_at=noted)
    assert key.last_used_at is None, "as a process read it that was slower"
    api_keys._note_use(key, datetime.now(UTC))
    key.refresh_from_db()
    assert key.last_used_at == noted


def test_a_revoked_key_ends_within_the_second_in_every_process(
    source: Source, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process revokes it, so nothing is forgotten here."""
    settings.TXMSG_INTAKE_CACHE_SECONDS = 1.0
    now = time.monotonic()
    monkeypatch.setattr(api_keys.time, "monotonic", lambda: now)
    key, text = api_keys.create(source)
    assert authenticate(text)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=datetime.now(UTC))
    now += 0.9
    assert authenticate(text), "memory says yes for a moment more"
    now += 0.11
    assert refused(text).code == "key_revoked"


def test_a_key_revoked_here_ends_at_once(source: Source, settings: Any) -> None:
    settings.TXMSG_INTAKE_CACHE_SECONDS = 60.0
    key, text = api_keys.create(source)
    assert authenticate(text)
    api_keys.revoke(key)
    assert refused(text).code == "key_revoked"


def test_an_end_is_looked_at_in_memory_too(
    source: Source, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TXMSG_INTAKE_CACHE_SECONDS = 3600.0
    end = datetime.now(UTC) + timedelta(minutes=1)
    _, text = api_keys.create(source, expires_at=end)
    assert authenticate(text)
    monkeypatch.setattr(api_keys.timezone, "now", lambda: end)
    assert refused(text).code == "key_expired"


def test_a_rotated_key_lives_on_beside_the_new_one_for_a_while(source: Source) -> None:
    old, old_text = api_keys.create(source, scopes=["events:read"])
    new, new_text = api_keys.rotate(old, hours=24)
    assert authenticate(old_text) == authenticate(new_text)
    assert (new.scopes, new.expires_at) == (["events:read"], None)
    old.refresh_from_db()
    assert old.expires_at is not None
    left = old.expires_at - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)


def test_rotation_ends_a_key_at_once_when_asked_and_never_prolongs_one(
    source: Source,
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    old, old_text = api_keys.create(source, expires_at=soon)
    api_keys.rotate(old, hours=24)
    old.refresh_from_db()
    assert old.expires_at == soon
    api_keys.rotate(old, hours=0)
    assert refused(old_text).code == "key_expired"


def test_a_caller_knows_its_rate_and_the_name_of_its_key(source: Source) -> None:
    key, text = api_keys.create(source)
    assert authenticate(text).rate_per_minute is None
    Source.objects.update(rate_per_minute=600)
    caller = authenticate(text)
    assert (caller.rate_per_minute, caller.key) == (600, str(key))
