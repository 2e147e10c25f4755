"""The page of the API: what it shows to whom, and that its code runs as it stands."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.api_world import World, make_world
from txmsg.api.document import codes, outline
from txmsg.api.document.assembling import assemble
from txmsg.api.document.operations import Example, examples

PAGE = "/api/v1/docs"


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.django_db
def test_anybody_is_shown_how_the_api_works(client: Client) -> None:
    factories.make_event_type(name="secret.type")
    text = text_of(client.get(PAGE))
    for operations in outline.subjects_of(assemble(None)).values():
        for operation in operations:
            assert f'id="{operation.name}"' in text
            assert operation.path in text
    for code in codes.codes():
        assert f"<code>{code.name}</code>" in text
    assert "secret.type" not in text
    assert "Log in to see the event types" in text


@pytest.mark.django_db
def test_those_who_may_view_event_types_are_shown_them(admin_client: Client) -> None:
    factories.make_event_type(
        name="order.confirmed",
        description="Bought & <paid>",
        sample={"order": {"number": "it's <1>"}},
    )
    text = text_of(admin_client.get(PAGE))
    assert 'id="type-order.confirmed"' in text
    assert "Bought &amp; &lt;paid&gt;" in text
    assert "<code>order.number</code>" in text
    assert "<1>" not in text
    assert "http://testserver/api/v1/events" in text


@pytest.mark.django_db
def test_nothing_on_the_page_comes_from_elsewhere(admin_client: Client) -> None:
    text = text_of(admin_client.get(PAGE))
    named = r'<(?:script|link|img|iframe)[^>]+(?:src|href)="([^"]+)'
    for address in re.findall(named, text):
        assert address.startswith("/"), address
    assert not re.findall(r"<script>(?!\s*</script>)", text)


@pytest.mark.django_db
def test_the_page_is_only_read(client: Client) -> None:
    assert client.post(PAGE).status_code == 405


# --- the code on it is run


def requests() -> Iterator[tuple[str, str, str, Example]]:
    for operations in outline.subjects_of(assemble(None)).values():
        for operation in operations:
            for example in examples()[operation.name]:
                yield operation.name, operation.method, operation.path, example


def code_of(world: World, server: str, language: str) -> list[tuple[int, str]]:
    """Return each example as code against a server, with the status it says."""
    found = []
    for name, method, path, example in requests():
        named = {**example.path, **world.names(name)}
        here = {key: named[key] for key in example.path}
        # What it was used for in another language was another thing.
        headers = {key: f"{it}-{language}" for key, it in example.headers.items()}
        moved = dataclasses.replace(example, path=here, headers=headers)
        snippets = outline.snippets_of(moved, method, server + path)
        found += [(example.status, s.code) for s in snippets if s.key == language]
    return found


@pytest.mark.django_db(transaction=True)
def test_every_example_runs_as_curl_python_and_javascript(
    live_server: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each language in one process, over the same installation."""
    world = make_world(client, monkeypatch)
    runs = {
        "curl": ["bash", "-c"],
        "python": [sys.executable, "-c"],
        "javascript": ["node", "-e"],
    }
    for language, command in runs.items():
        if shutil.which(command[0]) is None:
            continue
        listed = code_of(world, live_server.url, language)
        done = subprocess.run(
            [*command, FORMS[language](code for _, code in listed)],
            env={**os.environ, "TXMSG_KEY": world.door.key},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found = re.findall(r"^(\d{3}) ", done.stdout, re.MULTILINE)
        assert len(found) == len(listed), done.stdout
        for status, (told, code) in zip(found, listed, strict=True):
            is_repeated = told in (201, 202) and status == "200"
            assert status == str(told) or is_repeated, code


def _as_shell(codes_shown: Iterable[str]) -> str:
    shown = "-o /dev/null -w '%{http_code} \\n'"
    return "\n".join(f"{code} {shown}" for code in codes_shown)


def _as_javascript(codes_shown: Iterable[str]) -> str:
    """Return requests that wait for each other, as they do in the other languages."""
    each = []
    for code in codes_shown:
        before, _, request = code.rpartition("fetch(")
        each.append(f"await (async () => {{ {before} return fetch({request} }})();")
    return f"(async () => {{ {' '.join(each)} }})()"


FORMS: dict[str, Callable[[Iterable[str]], str]] = {
    "curl": _as_shell,
    "python": "\n".join,
    "javascript": _as_javascript,
}
