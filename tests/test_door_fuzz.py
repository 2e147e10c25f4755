"""Mutated bodies at the door: never a 500, nothing stored when refused, no growth.

A share of them runs in the suite, with a fixed seed. All of them:

    FUZZ_BODIES=50000 .venv/bin/python -m pytest tests/test_door_fuzz.py -s
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import RequestFactory

from events import api_keys, known_types, ringing
from events.models import Event, EventContext, EventIdentity, Work
from tests import factories, mutations
from tests.api_door import PATH, PROBLEM
from txmsg.front import Front

pytestmark = pytest.mark.django_db

COUNT = int(os.environ.get("FUZZ_BODIES", "2000"))
SEED = int(os.environ.get("FUZZ_SEED", "5"))
LONGEST_SECONDS = 1.0
MOST_GROWTH = 16 * 1024 * 1024
PATHS = {
    "single": PATH,
    "batch": f"{PATH}/batch",
    "adobe": "/shop/campaign/mcshop/EVTorder",
}
SHARES = {"single": 0.7, "batch": 0.2, "adobe": 0.1}
_KINDS = {200, 202, 207}
_PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(autouse=True)
def as_in_production(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep keys and types in memory for a while, as a web process does.

    What a test alone would pile up is left out: the lines of a log that pytest keeps,
    and rings that wait for a commit which never comes.
    """
    settings.TXMSG_INTAKE_CACHE_SECONDS = 1.0
    monkeypatch.setattr(ringing, "ring_on_commit", lambda _lane: None)
    logging.disable()
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
    logging.disable(logging.NOTSET)
    api_keys.forget()
    known_types.forget()


def resident() -> int:
    """Return how much memory this process has."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def seeds(door: str) -> list[Any]:
    """Return bodies that a door takes in, of types with every channel."""
    if door == "adobe":
        factories.make_event_type(name="EVTorder", live_channels=["email", "sms"])
        order = {"order": {"number": "10293"}}
        return [
            {"email": "ada@example.com", "ctx": order, "wishedChannel": 0},
            {"mobilePhone": "+33612345678", "ctx": order, "wishedChannel": "1"},
            {
                "registrationToken": "t",
                "pushPlatform": "gcm",
                "application": "shop",
                "email": "ada@example.com",
                "scheduled": "2026-11-23 10:15:00",
                "expiration": None,
                "language": "fr",
                "origin": "shop",
                "externalId": "c-7",
                "ctx": order,
            },
        ]
    event_type = factories.make_event_type(live_channels=["email", "sms", "push"])
    open_type = factories.make_event_type(
        live_channels=["email"], contract_mode="open", sensitive_paths=["order.number"]
    )
    full = factories.body_for(
        event_type,
        recipient={
            "email": "ada@example.com",
            "phone": "+33612345678",
            "push": [{"platform": "fcm", "token": "t"}],
            "name": "Ada",
            "language": "fr-FR",
            "timezone": "Europe/Paris",
        },
        correlation_id="req-77",
        origin="shop",
        channel="email",
        lane="critical",
        scheduled_at=None,
        metadata={"shop": "paris", "n": 1},
    )
    singles = [
        full,
        factories.body_for(event_type, external_id="ord-1"),
        factories.body_for(open_type, ctx={"order": {"items": [{"a": 1.5}, "b"]}}),
    ]
    if door == "single":
        return singles
    return [
        {"events": singles},
        {"mode": "permissive", "events": [*singles, singles[0]]},
        {"mode": "permissive", "events": [{"type": "nothing"}, singles[1], 7, None]},
    ]


class Run:
    """Posts bodies and holds each answer to what is promised of all of them.

    Through the front of the web process, since Django's test client grows with each
    request.
    """

    def __init__(self, path: str) -> None:
        self.application = Front()
        self.environ = RequestFactory()._base_environ(
            PATH_INFO=path,
            REQUEST_METHOD="POST",
            CONTENT_TYPE="application/json",
            HTTP_HOST="testserver",
            HTTP_AUTHORIZATION=f"Bearer {factories.make_key()}",
        )
        self.answers: Counter[str] = Counter()
        self.taken: set[str] = set()
        self.slowest = 0.0

    def post(self, body: bytes) -> None:
        """Post one body and look at its answer."""
        began = time.thread_time()
        status, headers, content = self._ask(body)
        self.slowest = max(self.slowest, time.thread_time() - began)
        data = json.loads(content)
        shown = body[:400]
        if status in _KINDS:
            self.answers[str(status)] += 1
            results = data.get("results", [{"event": data}])
            events = [r["event"] for r in results if "event" in r]
            self.taken |= {event.get("id") or event["PKey"] for event in events}
            problems = [r["problem"] for r in results if "problem" in r]
        else:
            assert 400 <= status < 500, (status, data, shown)
            assert headers["Content-Type"] == "application/problem+json"
            assert data.keys() >= PROBLEM, shown
            problems = [data]
        for problem in problems:
            self.answers[problem["code"]] += 1
            assert problem["status"] < 500, (problem, shown)
            assert all(fault["message"] for fault in problem["errors"])
        assert "Set-Cookie" not in headers

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        said: list[Any] = []
        asked = {**self.environ, "wsgi.input": io.BytesIO(body)}
        asked["CONTENT_LENGTH"] = str(len(body))
        answer: Any = self.application(asked, lambda *start: said.extend(start))
        content = b"".join(answer)
        return int(said[0].split()[0]), dict(said[1]), content


@pytest.mark.parametrize("door", PATHS)
def test_mutated_bodies_are_answered_and_only_taken_ones_are_stored(
    door: str, settings: Any
) -> None:
    settings.TXMSG_ADOBE_ALIAS = True
    share = int(COUNT * SHARES[door])
    run = Run(PATHS[door])
    began = grown = resident()
    for number, body in enumerate(
        mutations.bodies(seeds(door), count=share, seed=SEED)
    ):
        run.post(body)
        if number == share // 5:
            began = resident()
        if number % 500 == 499 or number == share - 1:
            grown = resident()
            # Every row belongs to an event that was answered as taken in.
            stored = {str(each) for each in Event.objects.values_list("pk", flat=True)}
            assert stored == run.taken
    counts = [model.objects.count() for model in (Event, EventContext, Work)]
    assert counts == [len(run.taken)] * 3
    assert EventIdentity.objects.count() <= len(run.taken)
    sys.stdout.write(
        f"\n{door}: {share} bodies, seed {SEED}: {dict(run.answers.most_common())}\n"
        f"slowest {run.slowest:.3f} s of processor time; grown {grown - began:,} B\n"
    )
    assert run.slowest < LONGEST_SECONDS
    assert grown - began < MOST_GROWTH
    # Else the mutations have become blunt: too few are taken, or too few are refused.
    assert len(run.answers) >= 15
    assert 0.05 * share < len(run.taken) or door == "batch"
