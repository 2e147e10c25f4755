"""How long publishing takes with a shadow render of 500 past events.

``python -m pytest -q tests/shadow_time.py`` prints it. It is no part of the test run,
since a busy machine would fail it; servers and database are those of the tests.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest

from templates_app import publishing
from templates_app.models import Message
from templates_app.publishing import PublishError
from tests import factories

EVENTS = 500
BROKEN = (13, 200, 437)
LIMIT_SECONDS = 5.0

ROW = "<tr><td>{{ item.name }}</td><td>{{ item.price | money: 'EUR' }}</td></tr>"
FILLING = (
    "<mj-section><mj-column><mj-text>Thank you.</mj-text></mj-column></mj-section>"
)
SOURCE = f"""\
<mjml><mj-body><mj-section><mj-column>
<mj-text>Order {{{{ ctx.order.number }}}} of {{{{ recipient.name }}}}</mj-text>
<mj-table>{{% for item in ctx.items %}}{ROW}{{% endfor %}}</mj-table>
<mj-button href="https://shop.example/o/{{{{ ctx.order.number }}}}">See it</mj-button>
</mj-column></mj-section>{FILLING * 30}</mj-body></mjml>"""


def content(source: str) -> dict[str, Any]:
    return {"en": {"subject": "Your order", "source_kind": "mjml", "source": source}}


@pytest.mark.django_db
def test_publishing_with_500_past_events(capsys: pytest.CaptureFixture[str]) -> None:
    event_type = factories.make_event_type(contract={"type": "object"})
    message = factories.publish(event_type=event_type, content=content(SOURCE)).message
    caller = factories.make_caller()
    items = [{"name": f"Thing {n}", "price": "12.50"} for n in range(5)]
    for number in range(EVENTS):
        order = {"number": f"A-{number}"}
        if number not in BROKEN:
            order["note"] = "Ring twice"
        ctx = {"order": order, "items": items}
        external_id = f"A-{number}"
        factories.accept(event_type, caller, ctx=ctx, external_id=external_id)

    changed = SOURCE.replace("See it", "Look at it")
    passed = timed(message, changed)
    breaking = SOURCE.replace("See it", "{{ ctx.order.note }}")
    refused = timed(message, breaking)

    with capsys.disabled():
        for seconds, busy, said in (passed, refused):
            sys.stdout.write(f"\n{seconds:.2f} s, {busy:.2f} of the CPU: {said}")
    assert passed[2] == "version 2"
    assert all(f"A-{number} (" in refused[2] for number in BROKEN)
    assert refused[2].startswith("3 of 500 past events would fail")
    assert max(passed[0], refused[0]) <= LIMIT_SECONDS


def timed(message: Message, source: str) -> tuple[float, float, str]:
    """Publish other content; return seconds, those of the CPU, and what came of it."""
    Message.objects.filter(pk=message.pk).update(content=content(source))
    began, idle = time.monotonic(), time.process_time()
    try:
        said = f"version {publishing.publish(message).number}"
    except PublishError as error:
        said = str(error)
    return time.monotonic() - began, time.process_time() - idle, said
