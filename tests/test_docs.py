"""The documents are held to the code: what exists is described, and nothing else.

No test here reads prose; each compares names, tables, links and samples.
"""

from __future__ import annotations

import ast
import functools
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.db.models import TextChoices

from config.urls import urlpatterns
from events.models import Channel, EventOutcome, Lane, Scope, Stage
from events.partitions import CreatePartitionedModel
from events.schemas import parse_event
from events.strict_json import loads
from history.models import AttemptOutcome, DeliveryStatus, Reason, Resolution
from templates_app.models import MessageStatus, UnknownOutcome
from templates_app.rendering import RenderContext
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import FILTER_NAMES, parse
from txmsg.api.application import api
from txmsg.api.document import markdown
from txmsg.tracing import EVENT_STATUS

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
OUR_APPS = ("events", "history", "templates_app", "txmsg")

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# What the page of an event type says of a contract; no caller ever sees it.
_OF_PAGES = frozenset({"invalid_contract"})


def documents() -> list[Path]:
    """Return every document that people read."""
    return [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        ROOT / "SECURITY.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]


def name_of(path: Path) -> str:
    """Return a document's path for the name of a test."""
    return path.relative_to(ROOT).as_posix()


@functools.cache
def text_of(path: Path) -> str:
    """Return the text of a document."""
    return path.read_text(encoding="utf-8")


def section(path: Path, heading: str) -> str:
    """Return what stands under a heading of the second level."""
    found = re.search(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)",
        text_of(path),
        re.MULTILINE | re.DOTALL,
    )
    assert found, f"{name_of(path)} has no section {heading!r}"
    return found[1]


def rows_of(text: str) -> list[list[str]]:
    r"""Return the cells of table rows that begin with a name in code; `\|` is a bar."""
    rows = []
    for line in text.splitlines():
        if line.startswith("| `"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            rows.append([cell.strip().replace(r"\|", "|") for cell in cells])
    return rows


def names_in(text: str) -> list[str]:
    """Return the names in the first column of the tables of a text."""
    return [_CODE.findall(row[0])[0] for row in rows_of(text)]


def settings_read() -> dict[str, object]:
    """Return what settings.py reads of the environment, with its plain defaults."""
    tree = ast.parse((ROOT / "config" / "settings.py").read_text(encoding="utf-8"))
    found: dict[str, object] = {}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "env"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            default = next((k.value for k in node.keywords if k.arg == "default"), None)
            plain = default.value if isinstance(default, ast.Constant) else None
            found[str(node.args[0].value)] = plain
    return found


def test_every_setting_is_in_the_reference_with_its_default() -> None:
    """And the reference names no setting that is not read."""
    rows = rows_of(text_of(REFERENCE / "settings.md"))
    names = {_CODE.findall(row[0])[0]: row for row in rows}
    documented = {name: row for name, row in names.items() if name.isupper()}
    assert set(documented) == set(settings_read())
    wrong = {
        name: default
        for name, default in settings_read().items()
        if default not in (None, "", True, False)
        and f"`{default}`" not in "".join(documented[name][1:])
    }
    assert not wrong


def test_the_example_environment_lists_exactly_the_settings() -> None:
    """Commented out, so that a copy of it changes nothing."""
    text = text_of(ROOT / ".env.example")
    listed = re.findall(r"^#([A-Z_]+)=", text, re.MULTILINE)
    assert sorted(listed) == sorted(settings_read())
    assert not re.findall(r"^[^#\n]", text, re.MULTILINE)


def test_the_readme_names_only_settings_that_exist() -> None:
    """Its table is a choice of them."""
    table = section(ROOT / "README.md", "Configuration")
    assert set(names_in(table)) <= set(settings_read())


@pytest.mark.parametrize(
    ("heading", "choices"),
    [
        ("Event outcomes", EventOutcome),
        ("Stages of work", Stage),
        ("Delivery statuses", DeliveryStatus),
        ("Reasons", Reason),
        ("Attempt outcomes", AttemptOutcome),
        ("Resolutions", Resolution),
        ("Message statuses", MessageStatus),
        ("Policies for an unknown outcome", UnknownOutcome),
        ("Lanes", Lane),
    ],
)
def test_every_status_is_in_the_reference(
    heading: str, choices: type[TextChoices]
) -> None:
    """One table for each closed list, in its order."""
    table = section(REFERENCE / "statuses-and-reasons.md", heading)
    assert names_in(table) == choices.values


def test_every_reason_has_its_sentence_in_the_reference() -> None:
    """The words of the admin, the API and the reference are the same."""
    table = section(REFERENCE / "statuses-and-reasons.md", "Reasons")
    assert {_CODE.findall(row[0])[0]: row[1] for row in rows_of(table)} == {
        reason.value: str(reason.label) for reason in Reason
    }


def test_every_stage_says_how_the_api_shows_it() -> None:
    """A caller sees the status of an event, not the stage of its work."""
    table = section(REFERENCE / "statuses-and-reasons.md", "Stages of work")
    assert {
        _CODE.findall(row[0])[0]: _CODE.findall(row[1])[0] for row in rows_of(table)
    } == {stage.value: status for stage, status in EVENT_STATUS.items()}


def test_every_scope_and_channel_is_in_the_reference() -> None:
    """With the class that a channel has unless settings say otherwise."""
    assert names_in(section(REFERENCE / "api.md", "Scopes")) == Scope.values
    channels = section(REFERENCE / "channels.md", "Channels")
    assert names_in(channels) == Channel.values
    for path in settings.TXMSG_CHANNELS.values():
        assert f"`{path}`" in channels


def error_codes() -> dict[str, set[int]]:
    """Return the codes that the API answers, with their statuses where they are plain.

    Read from the code: what Refused, Fault and their kin are called with, and the
    dictionaries that name a code for a kind of fault.
    """
    found: dict[str, set[int]] = {}
    places = {
        "Refused": 1,
        "Fault": 1,
        "fault": 1,
        "BadAddress": 0,
        "PydanticCustomError": 0,
        "_BadNumber": 0,
        "_unauthorized": 0,
    }
    files = [*(ROOT / "events").rglob("*.py"), *(ROOT / "txmsg/api").rglob("*.py")]
    files += [ROOT / "txmsg/api_errors.py", ROOT / "templates_app/proofing.py"]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func).rpartition(".")[2]
                place = places.get(called)
                if place is None or len(node.args) <= place:
                    continue
                for code in _texts(node.args[place]):
                    status = node.args[0] if called == "Refused" else None
                    known = {401} if called == "_unauthorized" else set()
                    if isinstance(status, ast.Constant):
                        known = {int(str(status.value))}
                    found.setdefault(code, set()).update(known)
            elif isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "code":
                        found.update({code: set() for code in _texts(value)})
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                target = node.targets[0]
                name = target.id if isinstance(target, ast.Name) else ""
                if name in ("_SYNTAX", "_VALUES"):
                    codes = [k for k in node.value.keys if k is not None]
                    found.update({c: set() for k in codes for c in _texts(k)})
                elif name == "_CODES":
                    found.update(
                        {c: set() for v in node.value.values for c in _texts(v)}
                    )
    return {code: known for code, known in found.items() if code not in _OF_PAGES}


def _texts(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value] if _SNAKE.fullmatch(node.value) else []
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(getattr(v, "value", "*")) for v in node.values[:1]) + "*"]
    return []


def test_every_error_code_is_in_the_reference_with_its_status() -> None:
    """A code that is not explained is a support request."""
    rows = rows_of(text_of(REFERENCE / "errors.md"))
    documented = {_CODE.findall(row[0])[0]: row for row in rows}
    assert set(documented) == set(error_codes())
    wrong = {
        code: statuses
        for code, statuses in error_codes().items()
        if not {str(status) for status in statuses}
        <= set(re.findall(r"\d{3}", documented[code][1]))
    }
    assert not wrong
    assert all(len(row) == 5 and all(row) for row in rows)


def test_the_reference_of_the_api_is_that_of_the_code() -> None:
    """Made by `manage.py openapi --reference docs/reference`."""
    for path, text in markdown.pages(REFERENCE).items():
        assert path.read_text(encoding="utf-8") == text, name_of(path)


def test_every_address_of_the_api_is_in_the_reference() -> None:
    """And those that monitors ask."""
    routes = [str(each.pattern) for each in urlpatterns]
    routes += [f"api/v1/{each.pattern}" for each in api.urls[0] if str(each.pattern)]
    for route in routes:
        if re.match(r"api/v1/.", route) or route.endswith("z"):
            address = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
            assert f"/{address}`" in text_of(REFERENCE / "api.md")


def our_commands() -> list[str]:
    """Return the commands of this product."""
    return sorted(name for name, app in get_commands().items() if app in OUR_APPS)


def test_every_command_is_in_the_reference_with_its_options() -> None:
    """An option that nobody can find does not exist."""
    reference = text_of(REFERENCE / "commands.md")
    documented = re.findall(r"^## `manage\.py ([a-z_]+)", reference, re.MULTILINE)
    assert sorted(documented) == our_commands()
    common = _options(BaseCommand())
    for name in our_commands():
        words = re.search(
            rf"^## `manage\.py {name}\b(.*?)(?=^## |\Z)",
            reference,
            re.MULTILINE | re.DOTALL,
        )
        assert words
        app = str(get_commands()[name])
        for option in _options(load_command_class(app, name)) - common:
            assert f"`{option}" in words[1], f"{name} {option}"


def _options(command: BaseCommand) -> set[str]:
    parser = command.create_parser("manage.py", "command")
    return {
        option
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--")
    }


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_commands_in_documents_exist(path: Path) -> None:
    """A reader who copies a line gets what it says."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    shown = " ; ".join(
        [code for _, code in _BLOCK.findall(text_of(path))]
        + _CODE.findall(_BLOCK.sub("", text_of(path)))
    )
    assert set(re.findall(r"\bmanage\.py ([a-z]\w*)", shown)) <= set(get_commands())
    assert set(re.findall(r"(?:^|[ ;\n])make ([a-z]+)", shown)) <= targets


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_links_between_documents_resolve(path: Path) -> None:
    """Files, images, and the headings that a link jumps to."""
    for target in _LINK.findall(_BLOCK.sub("", text_of(path))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        other = (path.parent / name).resolve() if name else path
        assert other.exists(), target
        if anchor:
            assert anchor in _anchors(text_of(other)), target


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", text), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_files_and_tests_named_in_documents_exist(path: Path) -> None:
    """A path in a document is a promise."""
    tests = {
        name
        for file in (ROOT / "tests").glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", text_of(file), re.MULTILINE)
    }
    for code in _CODE.findall(_BLOCK.sub("", text_of(path))):
        if re.fullmatch(r"test_\w+", code):
            assert code in tests, code
        elif re.fullmatch(r"[\w.-]+(/[\w.-]+)+\.(py|md|txt|toml|html|json)", code):
            assert (ROOT / code).exists(), code


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_json_samples_parse(path: Path) -> None:
    """And a request body among them is one that the door takes."""
    for language, block in _BLOCK.findall(text_of(path)):
        if language != "json":
            continue
        sample = json.loads(block)
        is_body = isinstance(sample, dict) and {"type", "recipient"} <= sample.keys()
        if is_body and "status" not in sample:
            parse_event(loads(block.encode()))


def template_examples() -> Iterator[tuple[str, str]]:
    """Yield each example of the template reference with what it is said to give."""
    for row in rows_of(text_of(REFERENCE / "templates.md")):
        if len(row) == 3 and "{" in row[1]:
            example, result = _CODE.findall(row[1])[0], _CODE.findall(row[2])
            yield example, result[0].replace("·", "\xa0") if result else ""


@pytest.mark.parametrize(("example", "result"), list(template_examples()))
def test_template_examples_give_what_they_say(example: str, result: str) -> None:
    """Rendered as HTML from the sample at the top of the page."""
    page = text_of(REFERENCE / "templates.md")
    sample = json.loads(next(b for kind, b in _BLOCK.findall(page) if kind == "json"))
    context = RenderContext(
        ctx=sample["ctx"],
        recipient=sample["recipient"],
        event=sample["event"],
        message={"internal_name": "order-confirmation", "version": 3},
        frozen_at=datetime(2026, 11, 23, 9, 15, tzinfo=UTC),
    )
    template = parse(example, html=True, part="html")
    assert template.render(context.variables(), Formats.of(context)) == result


def test_every_filter_is_in_the_reference() -> None:
    """With an example each, so that the test above has rendered it."""
    table = section(REFERENCE / "templates.md", "Filters")
    assert set(names_in(table)) == FILTER_NAMES


def test_every_table_is_in_the_reference() -> None:
    """With its partitions marked."""
    rows = rows_of(text_of(REFERENCE / "schema.md"))
    documented = {_CODE.findall(row[0])[0]: row for row in rows}
    tables = {
        model._meta.db_table
        for model in apps.get_models()
        if model._meta.app_label in OUR_APPS
    }
    assert set(documented) == tables
    partitioned = {name for name, row in documented.items() if row[2] == "month"}
    assert partitioned == set(_partitioned_tables())


def _partitioned_tables() -> Iterator[str]:
    for app in OUR_APPS:
        for file in sorted((ROOT / app / "migrations").glob("0*.py")):
            for name in re.findall(
                rf'{CreatePartitionedModel.__name__}\(\s*name="(\w+)"', text_of(file)
            ):
                yield f"{app}_{name.lower()}"


def test_decisions_are_numbered_and_whole() -> None:
    """Context, decision, consequences; a number is never used twice."""
    files = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    for file in files:
        headings = re.findall(r"^## (.+)$", text_of(file), re.MULTILINE)
        assert headings[:3] == ["Context", "Decision", "Consequences"], file.name
        assert f"({file.name})" in text_of(ROOT / "docs" / "decisions" / "README.md")
