"""Named samples, recent real events, and the unsaved form with its answer."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events import ids, recent, samples, type_draft
from events.models import EventContext, EventType, Work
from events.samples import NamedSample
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def event_type() -> EventType:
    return factories.make_event_type(
        contract={"type": "object"}, sample={"a": 1}, live_channels=["email"]
    )


def names_of(event_type: EventType) -> list[tuple[str, Any]]:
    return [(sample.name, sample.ctx) for sample in samples.samples_of(event_type)]


# --- named samples -----------------------------------------------------------------


def test_samples_are_kept_renamed_swapped_and_deleted(event_type: EventType) -> None:
    samples.keep_samples(event_type, [NamedSample("B", {}), NamedSample("C", {"c": 1})])
    _, b, c = samples.samples_of(event_type)
    assert names_of(event_type) == [("Typical", {"a": 1}), ("B", {}), ("C", {"c": 1})]
    samples.keep_samples(
        event_type,
        [NamedSample("C", {"new": 1}, b.pk), NamedSample("B", {"c": 1}, c.pk)],
    )
    assert names_of(event_type)[1:] == [("B", {"c": 1}), ("C", {"new": 1})]
    samples.keep_samples(event_type, [NamedSample("B", {"c": 1}, c.pk)])
    assert names_of(event_type)[1:] == [("B", {"c": 1})]


def test_a_sample_of_another_type_is_never_taken_over(event_type: EventType) -> None:
    other = factories.make_event_type()
    samples.keep_samples(other, [NamedSample("Theirs", {})])
    theirs = other.samples.get()
    samples.keep_samples(event_type, [NamedSample("Mine", {"m": 1}, theirs.pk)])
    theirs.refresh_from_db()
    assert (theirs.event_type_id, theirs.ctx) == (other.pk, {})
    assert names_of(event_type)[1:] == [("Mine", {"m": 1})]


def test_an_empty_typical_sample_says_nothing(event_type: EventType) -> None:
    event_type.sample = {}
    assert samples.samples_of(event_type) == []


def test_which_sample_does_not_fit_and_why() -> None:
    named = [NamedSample("Good", {"a": 1}), NamedSample("Bad", {"a": "x"})]
    schema = {"properties": {"a": {"type": "integer"}}}
    (misfit,) = samples.misfits(named, schema)
    assert misfit.name == "Bad"
    assert misfit.faults[0].message == "/ctx/a must be a whole number, not a string."


# --- recent events -----------------------------------------------------------------


def test_recent_contexts_are_the_newest_first_and_masked(event_type: EventType) -> None:
    event_type.sensitive_paths = ["reset.link"]
    event_type.save()
    found = [
        factories.accept(
            event_type, external_id=f"x-{n}", ctx={"reset": {"link": "s"}, "n": 1.50}
        ).id
        for n in range(3)
    ]
    other = factories.accept(factories.make_event_type(live_channels=["email"]))
    rows = recent.recent_contexts(event_type, 2)
    assert [(row[0], row[2]) for row in rows] == [
        (found[2], "x-2"),
        (found[1], "x-1"),
    ]
    assert rows[0][3] == {"reset": {"link": "••••"}, "n": Decimal("1.5")}
    assert recent.ctx_of(found[0], event_type) == rows[0][3]
    assert recent.ctx_of(other.id, event_type) is None
    EventContext.objects.all().delete()
    assert recent.recent_contexts(event_type) == []
    assert recent.ctx_of(found[0], event_type) is None


def test_every_read_of_recent_events_names_a_range_of_ids(
    event_type: EventType,
) -> None:
    event = factories.accept(event_type, ctx={}).id
    with CaptureQueriesContext(
        connection,
    ) as queries:
        recent.recent_contexts(event_type)
        recent.latest_events(event_type)
        recent.ctx_of(event, event_type)
    assert len(queries) == 3
    statements = [" ".join(query["sql"].split()) for query in queries]
    assert all(
        "e.id BETWEEN '" in sql
        or "AND id BETWEEN '" in sql
        or f"e.id = '{event.hex}'" in sql
        for sql in statements
    ), statements


def test_the_latest_events_say_where_they_stand(event_type: EventType) -> None:
    first = factories.accept(event_type, ctx={}).id
    second = factories.accept(event_type, ctx={}).id
    Work.objects.filter(event_id=second).update(stage="held")
    latest = recent.latest_events(event_type)
    assert [(event.id, event.label) for event in latest] == [
        (second, "Held"),
        (first, "Pending"),
    ]
    assert latest[0].received_at - ids.moment_of(second) < timedelta(seconds=5)


def test_a_context_is_told_from_another_by_its_first_values() -> None:
    ctx = {
        "link": "https://a.example",
        "secret": "••••",
        "order": {"number": "A-1", "paid": True, "items": [{"name": "Lamp"}, {"n": 2}]},
        "total": Decimal("1.50"),
        "more": "B",
        "evenmore": "C",
    }
    assert recent.words_of(ctx) == "A-1 · Lamp · 1.50 · B"


# --- the unsaved form --------------------------------------------------------------


def answer_to(event_type: EventType, **data: str) -> dict[str, Any]:
    draft = type_draft.read_draft(data)
    return type_draft.checked(draft, event_type, address="http://txmsg.example/events")


def test_a_draft_says_which_sample_does_not_fit_by_line_and_column(
    event_type: EventType,
) -> None:
    answer = answer_to(
        event_type,
        contract='{"type": "object", "properties": {"a": {"type": "integer"}}}',
        sample='{\n  "a": "x"\n}',
        **{
            "samples-TOTAL_FORMS": "3",
            "samples-0-ctx": '{"a": 1}',
            "samples-1-ctx": "{",
            "samples-2-ctx": "{",
            "samples-2-DELETE": "on",
        },
    )
    keys = {each["key"]: each["problems"] for each in answer["samples"]}
    assert list(keys) == ["sample", "samples-0-ctx", "samples-1-ctx"]
    assert (keys["sample"][0]["line"], keys["sample"][0]["column"]) == (2, 3)
    assert keys["samples-0-ctx"] == []
    assert keys["samples-1-ctx"][0]["line"] == 1
    assert [row["path"] for row in answer["contract"]["rows"]] == ["a"]
    assert '"a": "x"' in answer["snippets"]["curl"]


@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        ({"contract": '{\n  "type": }'}, (2, 11), "Expecting value"),
        ({"contract": '{\n  "type": "objekt"\n}'}, (2, 3), "a type is one of"),
        (
            {"contract": "{}", "contract_rows": '[{"path": "a..b"}]'},
            (None, None),
            "is no path",
        ),
    ],
)
def test_a_draft_whose_contract_cannot_be_read_says_where(
    event_type: EventType,
    data: dict[str, str],
    place: tuple[int | None, int | None],
    words: str,
) -> None:
    problem = answer_to(event_type, **data)["contract"]["problem"]
    assert (problem["line"], problem["column"]) == place
    assert words in problem["message"]


def test_inferring_tells_what_would_change_before_it_does(
    event_type: EventType,
) -> None:
    schema = {"type": "object", "properties": {"old": {"type": "string"}}}
    draft = type_draft.read_draft(
        {
            "contract": json.dumps(schema),
            "sample": '{"a": 1}',
            "samples-TOTAL_FORMS": "nonsense",
        }
    )
    found = type_draft.inferred(draft)
    assert found["changes"] == [{"path": "a", "words": "new: number, required"}]
    assert [row["path"] for row in found["rows"]] == ["a", "old"]
    afresh = type_draft.inferred(draft, afresh=True)
    assert {"path": "old", "words": "is taken out"} in afresh["changes"]
    assert json.loads(afresh["text"])["additionalProperties"] is False
