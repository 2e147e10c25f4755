"""The tutorial for backend developers, executed: each block as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from history.models import Delivery, DeliveryStatus
from tests import factories
from txmsg.channels.capture import CaptureChannel
from txmsg.demo import loading

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SEED = {
    "type": "password.reset",
    "recipient": {"email": "ada@example.com"},
    "ctx": {
        "reset": {
            "link": "https://lindenfold.example/reset/8f2b6c1d90e74a35",
            "requested_at": "2026-11-23T09:12:40Z",
        }
    },
}
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_END = "that was the block"


class Shell:
    """A terminal in the checkout; the product it talks to is that of the test."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url
        host = quote(str(connection.settings_dict["OPTIONS"]["host"]))
        database = connection.settings_dict["NAME"]
        user, port = connection.settings_dict["USER"], connection.settings_dict["PORT"]
        self._process = subprocess.Popen(
            ["bash", "--norc", "-s"],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": f"postgres://{user}@:{port}/{database}?host={host}",
                "SECRET_KEY": settings.SECRET_KEY,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, block: str) -> str:
        """Run a block as if it were pasted; return what is seen."""
        for ours, theirs in (
            ("http://127.0.0.1:8000", self._url),
            ("/tmp/", f"{self._folder}/"),
            # Last, for it may lie there itself.
            (".venv/bin/python", sys.executable),
        ):
            block = block.replace(ours, theirs)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{block}\necho; echo {_END}\n")
        self._process.stdin.flush()
        seen = ""
        for line in self._process.stdout:
            if line.strip() == _END:
                return seen
            seen += line
        raise AssertionError(f"the shell ended: {seen}")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def shell(tmp_path: Path, live_server: Any) -> Iterator[Shell]:
    loading.load()
    made = Shell(tmp_path, live_server.url)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    return capture


def blocks_of(page: str) -> list[str]:
    """Return the commands of a document, less those that start the demonstration."""
    found = _BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    return [block for block in found if not block.startswith("make ")]


def python_in(page: str) -> list[str]:
    """Return the Python of a document."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def json_in(seen: str) -> Any:
    """Return the JSON object in what a shell shows."""
    return json.loads(seen[seen.index("{") : seen.rindex("}") + 1])


def test_the_first_event_by_copy_and_paste(
    shell: Shell, channel: CaptureChannel
) -> None:
    key, first, look, twice, other, wrong, python, order = blocks_of(
        "tutorial/first-event.md"
    )
    assert shell.run(key).strip() == ""
    accepted = json_in(shell.run(first))
    assert (accepted["status"], accepted["type"]) == ("pending", "password.reset")
    factories.drain("critical")
    shown = json_in(shell.run(look))
    assert (shown["id"], shown["status"]) == (accepted["id"], "processed")
    assert [each["status"] for each in shown["deliveries"]] == ["sent"]
    assert shell.run(twice).split() == ["202", "200"]
    assert json_in(shell.run(other))["code"] == "idempotency_key_reused"
    faults = [fault["pointer"] for fault in json_in(shell.run(wrong))["errors"]]
    assert faults == ["/recipient/email", "/foo"]
    said = shell.run(python)
    assert re.search(r"accepted \S+ new\nstatus pending\n", said), said
    assert "refused /recipient/email invalid_email" in said
    assert "known already" in shell.run(python)
    assert json_in(shell.run(order))["type"] == "order.confirmed"
    factories.drain("critical")
    factories.drain("normal")
    assert len(channel.messages) == 4
    statuses = Delivery.objects.values_list("status", flat=True)
    assert set(statuses) == {DeliveryStatus.SENT}


def test_an_event_in_adobes_way_by_copy_and_paste(shell: Shell, settings: Any) -> None:
    settings.TXMSG_ADOBE_ALIAS = True
    key, post = blocks_of("how-to/move-from-adobe-campaign.md")
    made = shell.run(key).split()[-1]
    shell.run(f"export TXMSG_KEY={made}")
    answer = json_in(shell.run(post))
    assert (answer["status"], answer["type"]) == ("pending", "password.reset")
    assert answer["email"] == "you@example.com"


def test_the_python_of_the_how_to_does_what_it_says(
    live_server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    loading.load()
    names: dict[str, Any] = {"key": factories.make_key()}
    send, refused, batch = (
        block.replace("http://127.0.0.1:8000", live_server.url)
        for block in python_in("how-to/send-with-python.md")
    )
    exec(send, names)
    assert capsys.readouterr().out.strip() == f"{names['accepted'].id} pending"
    exec(refused, names)
    assert "/recipient/email invalid_email" in capsys.readouterr().out
    good = {**SEED, "external_id": "a"}
    names["events"] = [good, {**good, "external_id": "b", "recipient": {"email": "x"}}]
    exec(batch, names)
    assert capsys.readouterr().out.startswith("1 invalid_email ")
    names["client"].close()
