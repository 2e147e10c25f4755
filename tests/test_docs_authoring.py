"""The documents of authoring are held to the code: fields, findings, blocks, limits.

As in `test_docs`, no test reads prose; each compares names, tables and numbers.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.db.models import TextChoices

from templates_app import images, past_events, proofing, shadow
from templates_app.forms.content import CONTENT_FIELDS
from templates_app.models import (
    ProofStatus,
    PublicationAction,
    ShadowOutcome,
    ShadowStatus,
)
from templates_app.personas import personas_of
from templates_app.rendering import errors
from templates_app.rendering.blocks import describe, mjml_of
from templates_app.rendering.blocks.markup import ALLOWED_TAGS
from templates_app.rendering.push_options import OPTIONS
from tests.test_docs import REFERENCE, ROOT, names_in, rows_of, section, text_of
from txmsg.channels import attachments

CHECKING = ROOT / "templates_app" / "checking"

# Who makes a finding, and where among its arguments the code stands.
_MAKERS = {
    "Fault": 1,
    "Finding": 1,
    "_at": 1,
    "_fault": 1,
    "_finding": 0,
    "_warning": 1,
}
_SEVERITIES = {"error", "warning"}
_CODE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)+")
_TAGS = re.compile(r"<[a-z]+>(?: <[a-z]+>)*")


@pytest.mark.parametrize(
    ("heading", "choices"),
    [
        ("Publication log", PublicationAction),
        ("Proofs", ProofStatus),
        ("Shadow renders", ShadowStatus),
        ("Outcomes of a shadow render", ShadowOutcome),
    ],
)
def test_every_status_of_authoring_is_in_the_reference(
    heading: str, choices: type[TextChoices]
) -> None:
    """One table for each closed list, in its order."""
    table = section(REFERENCE / "statuses-and-reasons.md", heading)
    assert names_in(table) == choices.values


def test_every_render_error_is_in_the_reference() -> None:
    """They end deliveries, so people look them up."""
    table = section(REFERENCE / "templates.md", "Errors")
    assert set(names_in(table)) == errors._CODES


def finding_codes() -> Iterator[str]:
    """Yield each code that the check names, as its modules are written."""
    for path in sorted(CHECKING.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            words: list[ast.expr] = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = _MAKERS.get(node.func.id)
                words = node.args[place : place + 1] if place is not None else []
                words += [each.value for each in node.keywords if each.arg == "code"]
            elif isinstance(node, ast.Tuple) and any(
                isinstance(each, ast.Constant) and each.value in _SEVERITIES
                for each in node.elts[1:]
            ):
                words = node.elts[:1]
            elif isinstance(node, ast.Assign):
                target = node.targets[0]
                is_code = isinstance(target, ast.Name) and target.id.isupper()
                words = [node.value] if is_code else []
            yield from _codes_in(words)


def _codes_in(words: list[ast.expr]) -> Iterator[str]:
    for word in words:
        code = word.value if isinstance(word, ast.Constant) else None
        if isinstance(code, str) and (_CODE.fullmatch(code) or code == "contrast"):
            yield code


def test_every_finding_is_in_the_reference() -> None:
    """With its weight, its meaning and what to do; and no finding that is never made.

    What compiling or rendering refuses is a finding, too.
    """
    rows = rows_of(text_of(REFERENCE / "checks.md").partition("## Hostile")[0])
    documented = {row[0].strip("`"): row for row in rows}
    assert set(documented) == set(finding_codes()) | errors._CODES
    assert all(len(row) == 4 and all(row) for row in rows)
    assert {row[1] for row in rows} <= {*_SEVERITIES, "error or warning"}


def test_every_persona_is_in_the_reference() -> None:
    """By the label under which it is offered."""
    schema = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": ["string", "null"]},
            "items": {"type": "array", "items": {"type": "string"}},
            "total": {"type": "number"},
            "at": {"type": "string", "format": "date-time"},
            "vip": {"type": "boolean"},
        },
    }
    sample = {
        "name": "Ada",
        "items": ["a", "b"],
        "total": 12,
        "at": "2026-11-23T09:15:00Z",
        "vip": True,
    }
    table = section(REFERENCE / "checks.md", "Hostile personas")
    labels = [persona.label for persona in personas_of(schema, sample)]
    assert names_in(table) == labels


def described_type(field: Mapping[str, Any]) -> str:
    """Return the type of a block's field as the reference says it."""
    kind = field["type"]
    if "choices" in field:
        values = [str(choice["value"]) for choice in field["choices"]]
        between = "; " if any("," in value for value in values) else ", "
        return between.join(f"`{value}`" for value in values)
    if "max" in field:
        return f"{field['min']} to {field['max']} {field['unit']}".rstrip()
    return str(kind)


def described_row(field: Mapping[str, Any], *, of: str = "") -> str:
    """Return the row of the reference for a field of a block."""
    default = {"": "", "[]": "none"}.get(str(field["default"]), field["default"])
    shown = f"`{default}`" if default not in ("", "none") else default or "empty"
    about = _TAGS.sub(lambda match: f"`{match.group()}`", field["help"])
    about = about.replace("{{ item.name }}", "`{{ item.name }}`")
    words = f"{field['label']}. {about}".strip()
    name = f"{of}{field['name']}"
    return f"| `{name}` | {described_type(field)} | {shown} | {words} |"


def described_rows(fields: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the rows of the reference for the fields of a block."""
    for field in fields:
        yield described_row(field)
        for inner in field.get("fields", ()):
            yield described_row(inner, of=f"{field['name']}[].")


BLOCKS = describe()


@pytest.mark.parametrize("kind", BLOCKS["kinds"], ids=lambda kind: str(kind["kind"]))
def test_every_kind_of_block_is_in_the_reference(kind: dict[str, Any]) -> None:
    """Its label, what it is for, and a row for each field, as the editor has them."""
    text = section(REFERENCE / "blocks.md", f"`{kind['kind']}`")
    assert f"**{kind['label']}.** {kind['help']}" in text
    assert ("Not inside of columns." in text) == (not kind["in_columns"])
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == list(described_rows(kind["fields"]))


def test_the_reference_has_every_kind_setting_and_operator_of_blocks() -> None:
    """And no other."""
    page = text_of(REFERENCE / "blocks.md")
    headings = re.findall(r"^## `(\w+)`$", page, re.MULTILINE)
    assert headings == [kind["kind"] for kind in BLOCKS["kinds"]]
    settings = section(REFERENCE / "blocks.md", "Settings")
    rows = [line for line in settings.splitlines() if line.startswith("| `")]
    assert rows == list(described_rows(BLOCKS["settings"]))
    rules = section(REFERENCE / "blocks.md", "Show if")
    assert {row[0].strip("`"): row[1] for row in rows_of(rules)} == {
        operator["value"]: operator["label"] for operator in BLOCKS["operators"]
    }


def test_the_example_of_blocks_compiles() -> None:
    """And the tags that the page allows in inline HTML are those that are allowed."""
    page = text_of(REFERENCE / "blocks.md")
    example = re.search(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert example
    assert mjml_of(json.loads(example[1])).text.startswith("<mjml")
    row = next(row for row in rows_of(page) if row[0] == "`html`")
    tags = row[1].partition(":")[2].partition(", with")[0]
    assert tuple(re.findall(r"`(\w+)`", tags)) == ALLOWED_TAGS


@pytest.mark.parametrize(
    ("heading", "channel"), [("Email", "email"), ("SMS", "sms"), ("Push", "push")]
)
def test_every_field_of_content_is_in_the_reference(heading: str, channel: str) -> None:
    """The fields of the page are those of packages and versions."""
    text = section(REFERENCE / "content.md", heading)
    names = names_in(text.partition("###")[0])
    options = {
        f"{platform}/{name}" for platform in OPTIONS for name in OPTIONS[platform]
    }
    assert set(names) - options == set(CONTENT_FIELDS[channel])
    assert (options <= set(names)) == (channel == "push")


def test_the_limits_of_attachments_and_images_are_those_of_the_code() -> None:
    """Numbers are what people plan with."""
    page = text_of(REFERENCE / "content.md")
    million = 1_000_000
    assert f"| files in a mail | {attachments.MAX_ATTACHMENTS} |" in page
    assert f"| one file | {attachments.MAX_BYTES // million} MB |" in page
    most = attachments.MAX_BYTES_IN_ALL // million
    assert f"| all files of a mail | {most} MB |" in page
    assert f"| time for one file | {attachments.SECONDS:.0f} seconds" in page
    assert f"at most {images.MAX_BYTES // million} MB" in page
    assert f"{images.MAX_PIXELS // million} million pixels" in page


def test_the_numbers_of_reviews_and_proofs_are_those_of_the_code() -> None:
    """Those that the how-to pages name."""
    how_to = ROOT / "docs" / "how-to"
    review = text_of(how_to / "check-and-publish.md")
    assert f"last {shadow.EVENTS} events" in review
    looked_at = past_events._BATCH * past_events._BATCHES
    assert f"newest {looked_at:,} events" in review
    assert shadow.VALID_SECONDS == 3600
    assert "for an hour" in review
    assert proofing.MAX_RECIPIENTS == 10
    assert "at most ten in all" in text_of(how_to / "send-a-proof.md")


def test_every_group_of_the_migration_is_in_the_reference() -> None:
    """A role that nobody knows is given to nobody."""
    roles = importlib.import_module("txmsg.migrations.0002_roles").ROLES
    table = section(REFERENCE / "roles.md", "Groups")
    assert set(names_in(table)) == set(roles)
