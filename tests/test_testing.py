"""The fixtures `renders`: what they let pass, and how they say what is wrong."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from txmsg_client import explaining

from tests.scripted import Said, scripted
from txmsg import render_failures
from txmsg.render_failures import explained
from txmsg.testing import _rendered

ROOT = Path(__file__).resolve().parent.parent
CTX = {"parcel": {"number": "P-1", "link": "https://parcels.shop.example/P-1"}}


def package() -> dict[str, Any]:
    """Return the example of the reference of packages."""
    page = (ROOT / "docs/reference/packages.md").read_text(encoding="utf-8")
    found = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert found
    made: dict[str, Any] = json.loads(found[1])
    return made


def run(folder: Path, plugin: str, test: str, **environment: str) -> str:
    """Run tests of somebody else with a plugin; return what pytest says."""
    (folder / "test_messages.py").write_text(test, encoding="utf-8")
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "clients/python")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", plugin],
        cwd=folder,
        env={
            **kept,
            "PYTHONPATH": paths,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout + done.stderr


def test_a_package_is_held_to_contexts_without_database_or_settings(
    tmp_path: Path,
) -> None:
    (tmp_path / "parcel.json").write_text(json.dumps(package()), encoding="utf-8")
    (tmp_path / "other.json").write_text('{"a": 1}', encoding="utf-8")
    said = run(
        tmp_path,
        "txmsg.testing",
        f"""
CTX = {CTX!r}

def test_it_renders(renders):
    mail = renders("parcel-shipped", ctx=CTX, recipient={{"name": "Ada"}})
    assert mail.parts["subject"] == "Parcel P-1 is on its way"
    assert "Hello Ada," in mail.parts["html"]
    assert "Your shop" in mail.parts["html"]

def test_its_sample_renders(renders):
    assert "P-1042" in renders("parcel-shipped").parts["subject"]

def test_a_name_is_wrong(renders):
    renders("parcel-shiped", ctx=CTX)

def test_a_context_is_wrong(renders):
    renders("parcel-shipped", ctx={{"parcel": {{"nmber": "P-1", "link": "https://x.test"}}}})
""",
    )
    assert "2 failed, 2 passed" in said, said
    assert "has no message parcel-shiped: did you mean parcel-shipped?" in said
    assert "parcel-shipped (en) does not render with this context:" in said
    hint = "(the context has ctx.parcel.nmber: did you mean that?)"
    assert re.search(
        rf"subject, line 1, column \d+: .*ctx\.parcel\.number.*{re.escape(hint)}", said
    )
    assert f"/ctx/parcel/number is required. {hint}" in said
    # Of the plugin's own code nothing is shown.
    assert "def render(" not in said


def test_what_the_contract_refuses_fails_in_the_mode_strict_alone() -> None:
    given = package()
    ctx = {"parcel": {**CTX["parcel"], "number": "P" * 21}}
    rendered, failed = _rendered(given, ctx=ctx)
    assert rendered is not None
    assert "/ctx/parcel/number" in failed
    given["event_type"]["contract_mode"] = "warn"
    assert _rendered(given, ctx=ctx)[1] == ""
    given["event_type"] = None
    assert _rendered(given, ctx=ctx)[1] == ""


def test_the_language_is_the_nearest_that_there_is() -> None:
    given = package()
    content = given["message"]["content"]
    content["fr"] = {**content["en"], "subject": "Colis {{ ctx.parcel.number }}"}
    for asked in ({"language": "fr-CA"}, {"recipient": {"language": "fr"}}):
        rendered, failed = _rendered(given, ctx=CTX, **asked)
        assert rendered is not None, failed
        assert rendered.parts["subject"] == "Colis P-1"


ERROR = {"message": "ctx.a.b is missing.", "part": "html", "line": 3, "column": 4}


@pytest.mark.parametrize(
    ("path", "ctx", "hint"),
    [
        ("ctx.a.name", {"a": {"nmae": 1}}, "the context has ctx.a.nmae: did you mean"),
        ("ctx.a.b", {"a": {"x": 1, "y": 2}}, "(ctx.a has x, y)"),
        ("ctx.a.b", {"a": {}}, "(ctx.a is empty)"),
        ("ctx.items[2].price", {"items": [1]}, "(the list has 1 items)"),
        ("ctx.items[0].price", {"items": [{"prize": 1}]}, "ctx.items.0.prize"),
        ("ctx.a.b", {"a": "text"}, "(ctx.a is str here)"),
        ("ctx['a b'].name", {"a b": {"nam": 1}}, "ctx.a b.nam"),
        ("recipient.name", {"a": 1}, ""),
        ("", {"a": 1}, ""),
        ("ctx.a", {"a": 1}, ""),
    ],
)
def test_a_failure_says_what_the_context_has_instead(
    path: str, ctx: dict[str, Any], hint: str
) -> None:
    error = {**ERROR, "path": path}
    said = explained("welcome (en)", ctx=ctx, errors=[error], misfits=[])
    first, line = said.split("\n")
    assert first == "welcome (en) does not render with this context:"
    assert line.startswith("  html, line 3, column 4: ctx.a.b is missing.")
    assert hint in line
    assert ("(" in line) == bool(hint)


def test_nothing_is_said_of_what_is_right() -> None:
    assert explained("welcome", ctx={}, errors=[], misfits=[]) == ""


def test_a_published_message_is_held_to_contexts_by_its_preview(tmp_path: Path) -> None:
    shown = {
        "message": "welcome",
        "version": 3,
        "channel": "email",
        "language": "en",
        "is_rendered": True,
        "parts": {"subject": "Welcome Ada"},
        "headers": {},
        "errors": [],
        "contract": {"fits": True, "would_be_refused": False, "errors": []},
    }
    fault = {"pointer": "/ctx/user", "code": "m", "message": "/ctx/user is required."}
    failed = {
        **shown,
        "is_rendered": False,
        "errors": [{**ERROR, "path": "ctx.user"}],
        "contract": {"fits": False, "would_be_refused": True, "errors": [fault]},
    }
    with scripted() as server:
        server.say(
            Said(200, shown), Said(200, failed), Said(404, {"code": "not_found"})
        )
        said = run(
            tmp_path,
            "txmsg_client.testing",
            """
from txmsg_client import Recipient

def test_it_renders(renders):
    mail = renders("welcome", ctx={"user": 1}, recipient=Recipient(name="Ada"))
    assert (mail.parts["subject"], mail.version) == ("Welcome Ada", 3)

def test_it_fails(renders):
    renders("welcome", ctx={"usr": 1}, version="draft", language="fr")

def test_it_is_not_there(renders):
    renders("we/lcome", ctx={})
""",
            TXMSG_URL=server.url,
            TXMSG_KEY="k",
        )
    assert "2 failed, 1 passed" in said, said
    assert "html, line 3, column 4: ctx.a.b is missing." in said
    assert (
        "/ctx/user is required. (the context has ctx.usr: did you mean that?)" in said
    )
    assert "404 not_found" in said
    assert [asked.path for asked in server.asked] == [
        "/api/v1/messages/welcome/preview",
        "/api/v1/messages/welcome/preview",
        "/api/v1/messages/we%2Flcome/preview",
    ]
    assert server.asked[0].body == {
        "version": "published",
        "ctx": {"user": 1},
        "recipient": {"name": "Ada"},
    }
    assert server.asked[1].body["version"] == "draft"
    assert server.asked[1].body["language"] == "fr"


def test_without_an_installation_nothing_passes_by_mistake(tmp_path: Path) -> None:
    said = run(tmp_path, "txmsg_client.testing", "def test_it(renders): pass")
    assert "set TXMSG_URL and TXMSG_KEY, else nothing is tested" in said
    assert "1 error" in said


def test_client_and_product_say_it_in_the_same_words() -> None:
    """The client stands alone, so the module is there twice."""
    trees = []
    for module in (explaining, render_failures):
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        trees.append([ast.dump(node) for node in tree.body[1:]])
    assert trees[0] == trees[1]
