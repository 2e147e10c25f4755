"""What the documents say of webhooks: the types, and snippets that verify for real."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from events.models import EndpointStatus, WebhookName
from tests.test_docs import REFERENCE, ROOT, names_in, rows_of, section
from txmsg.webhooks import signing

PAGE = ROOT / "docs" / "how-to" / "receive-webhooks.md"
NODE = shutil.which("node")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'


def snippet(language: str) -> str:
    """Return the one block of a language on the page."""
    [found] = re.findall(
        rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    return str(found)


def signed(**changes: Any) -> dict[str, str]:
    moment = datetime.fromtimestamp(time.time() + changes.pop("seconds", 0), UTC)
    made = signing.headers(
        webhook_id="msg_1",
        moment=moment,
        body=BODY,
        with_secrets=["whsec_AAAA", changes.pop("secret", SECRET)],
    )
    return {**made, **changes}


CASES = [
    ({}, True),
    ({"secret": "whsec_BBBB"}, False),
    ({"webhook-id": "msg_2"}, False),
    ({"seconds": -600}, False),
    ({"seconds": 600}, False),
    ({"webhook-signature": "v1,short"}, False),
    ({"webhook-signature": "v2,AAAA"}, False),
]


@pytest.mark.parametrize(("changes", "is_good"), CASES)
def test_the_python_snippet_tells_good_from_bad(
    changes: dict[str, Any], is_good: bool
) -> None:
    found: dict[str, Any] = {}
    exec(snippet("python"), found)
    headers = signed(**changes)
    if is_good:
        assert found["verify"](SECRET, headers, BODY) is None
        with pytest.raises(ValueError, match="not signed"):
            found["verify"](SECRET, headers, BODY + b" ")
        return
    with pytest.raises(ValueError, match=r"not signed|too old"):
        found["verify"](SECRET, headers, BODY)


@pytest.mark.skipif(NODE is None, reason="there is no node on this machine to run it")
def test_the_node_snippet_tells_good_from_bad(tmp_path: Path) -> None:
    cases = [[signed(**changes), is_good] for changes, is_good in CASES]
    script = tmp_path / "verify.js"
    script.write_text(
        snippet("js")
        + """
for (const [headers, isGood] of JSON.parse(process.argv[2])) {
  let held = true;
  try { verify(process.argv[3], headers, Buffer.from(process.argv[4])); }
  catch (error) { held = false; }
  if (held !== isGood) throw new Error(JSON.stringify(headers));
}
console.log("all as said");
"""
    )
    done = subprocess.run(
        [str(NODE), script, json.dumps(cases), SECRET, BODY.decode()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "all as said\n", done.stderr


def test_every_type_is_in_the_reference_with_its_sentence() -> None:
    table = section(REFERENCE / "webhooks.md", "Types")
    assert {row[0].strip("`"): row[1] for row in rows_of(table)} == {
        str(value): str(label) for value, label in WebhookName.choices
    }


def test_every_status_of_an_endpoint_is_in_the_reference() -> None:
    table = section(REFERENCE / "webhooks.md", "Endpoints")
    assert set(EndpointStatus.values) <= set(names_in(table))
