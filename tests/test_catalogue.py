"""Event types as a calling system sees them, with requests that are accepted."""

from __future__ import annotations

import pytest

from events import catalogue, contract, intake
from events.models import EventSample
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_source_sees_the_types_that_it_may_post() -> None:
    one, two = (factories.make_event_type(name=name) for name in ("b.one", "a.two"))
    everyone = factories.make_caller()
    bound = factories.make_caller(allowed_types=frozenset([one.name]))
    assert catalogue.listed(everyone) == catalogue.listed(None) == [two, one]
    assert catalogue.listed(bound) == [one]
    assert catalogue.find(one.name, bound) == one
    assert catalogue.find(two.name, bound) is None
    assert catalogue.find("no.such", everyone) is None


def test_the_list_goes_on_behind_a_name() -> None:
    names = ["a", "b", "c"]
    types = [factories.make_event_type(name=name) for name in names]
    caller = factories.make_caller()
    assert catalogue.listed(caller, limit=2) == types[:2]
    assert catalogue.listed(caller, after="b", limit=2) == types[2:]


def test_a_type_is_shown_with_its_samples_and_a_request_that_is_accepted() -> None:
    sample = {"order": {"number": "1"}}
    event_type = factories.make_event_type(sample=sample, live_channels=["email"])
    EventSample.objects.create(event_type=event_type, name="Big", ctx={"order": {}})
    shown = catalogue.details(event_type)
    assert [each["name"] for each in shown["samples"]] == ["Typical", "Big"]
    assert shown["request"]["ctx"] == sample
    assert shown["links"]["schema"] == f"/api/v1/event-types/{event_type.name}/schema"
    caller = factories.make_caller()
    assert intake.accept(shown["request"], caller=caller).status == "pending"


def test_a_contract_is_given_word_for_word() -> None:
    event_type = factories.make_event_type(sample={"order": {"number": "1"}})
    shown = catalogue.schema(event_type)
    assert shown["contract"] == factories.CONTRACT
    assert not contract.faults_of(shown["request"]["ctx"], shown["contract"])


def test_a_type_without_a_sample_has_a_request_all_the_same() -> None:
    event_type = factories.make_event_type()
    assert catalogue.sample_request(event_type)["ctx"] == {}
