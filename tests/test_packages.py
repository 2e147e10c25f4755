"""Packages: a message as one file, the same bytes every way, refused whole or not."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from events.models import EventSample, EventType
from templates_app import content_blocks, packages
from templates_app.models import (
    ContentBlock,
    Folder,
    Message,
    MessageStatus,
    MobileApp,
    Template,
)
from templates_app.packages import BrokenPackage
from templates_app.packages.places import BrokenJson, parse
from tests.factories import make_event_type, make_message

pytestmark = pytest.mark.django_db

EXAMPLE = re.search(
    r"```json\n(.*?)```",
    (Path(__file__).parent.parent / "docs/reference/packages.md").read_text("utf-8"),
    re.DOTALL,
)
MJML = """\
<mjml>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>Order {{ ctx.order.number }}</mj-text>
        <mj-text>{{ ctx.order.total | upcase }}</mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>"""


def example() -> dict[str, Any]:
    """Return the package that the documentation shows."""
    assert EXAMPLE is not None
    shown: dict[str, Any] = json.loads(EXAMPLE.group(1))
    return shown


def whole_message() -> Message:
    """Make a message that uses everything that a package can hold."""
    content_blocks.save(
        ContentBlock(
            internal_name="sign-off",
            label="Sign-off",
            html="<mj-text>Your shop</mj-text>",
            text="Your shop\nin Łódź",
        )
    )
    sample = {"order": {"number": "A-1", "total": "12 €", "weight": 12.5, "n": 10**12}}
    event_type = make_event_type(name="order.placed", sample=sample, description="a\nb")
    EventSample.objects.create(event_type=event_type, name="Ünïcode", ctx=sample)
    shop = Folder.objects.create(name="Shop")
    template = Template.objects.create(
        label="Order",
        internal_name="order",
        channel="email",
        context_sample=sample,
        content={"en": {"subject": "Order", "source": MJML, "source_kind": "mjml"}},
    )
    subject = "Order {{ ctx.order.number }} “{% block 'sign-off' %}”"
    english = {"subject": subject, "source": MJML, "source_kind": "mjml"}
    return make_message(
        event_type,
        label="Order placed",
        internal_name="order-placed",
        template=template,
        folder=Folder.objects.create(name="Orders", parent=shop),
        context_sample=sample,
        content={
            "en": english,
            "pl": {**english, "text": "Cześć\n\n{{ ctx.order.number }}\n"},
        },
    )


def forget_all() -> None:
    """Delete what an import would make."""
    Message.objects.all().delete()
    Template.objects.filter(is_builtin=False).delete()
    EventType.objects.all().delete()
    ContentBlock.objects.all().delete()
    Folder.objects.filter(parent__isnull=False).delete()
    Folder.objects.all().delete()


def imported(text: str, **options: bool) -> str:
    """Import a package by the command; return what it printed."""
    out = io.StringIO()
    path = Path("/dev/shm") / f"txmsg-{id(out)}.json"
    path.write_text(text, "utf-8")
    try:
        call_command("import_message", str(path), stdout=out, **options)
    finally:
        path.unlink()
    return out.getvalue()


def faults(package: dict[str, Any] | str) -> list[str]:
    """Return the faults of a package, as the command prints them."""
    text = package if isinstance(package, str) else json.dumps(package, indent=2)
    with pytest.raises(BrokenPackage) as caught:
        packages.import_package(packages.read(text))
    return [str(fault) for fault in caught.value.faults]


def test_a_package_comes_back_byte_for_byte() -> None:
    """Into an empty installation, and over what is there already."""
    message = Message.objects.get(pk=whole_message().pk)
    first = packages.export_message(message)
    assert "Cześć" in first
    forget_all()
    said = imported(first)
    assert "made message order-placed" in said
    assert "made content block sign-off" in said
    again = Message.objects.get(internal_name="order-placed")
    assert packages.export_message(again) == first
    assert imported(first) == ("everything stands here as in the package already\n")
    assert packages.export_message(again) == first


def test_the_documented_example_is_imported_and_published() -> None:
    """What the documentation shows works as it stands."""
    said = imported(json.dumps(example()), publish=True)
    message = Message.objects.get(internal_name="parcel-shipped")
    assert message.status == MessageStatus.PUBLISHED
    assert "published parcel-shipped as version 1" in said
    assert str(message.folder) == "Parcels"
    assert EventSample.objects.get().name == "Long number"
    assert "is live as it stands" in imported(json.dumps(example()), publish=True)


def test_a_dry_run_changes_nothing() -> None:
    """And says what it would have done."""
    said = imported(json.dumps(example()), publish=True, dry_run=True)
    assert "made message parcel-shipped" in said
    assert "nothing was changed" in said
    assert not Message.objects.exists()
    assert not EventType.objects.exists()


def test_the_four_faults_of_a_template_are_all_named_with_place_and_advice() -> None:
    """A path, a filter, a tag and an element, in one go."""
    broken = packages.export_message(whole_message())
    for right, wrong in [
        (
            "Order {{ ctx.order.number }}</mj-text>",
            "Order {{ ctx.order.nmber }}</mj-text>",
        ),
        (
            "ctx.order.total | upcase }}",
            "ctx.order.total | upcasee }}{% if ctx.order %}",
        ),
        ("<mj-section>", "<mj-sectoin>"),
    ]:
        assert right in broken
        broken = broken.replace(right, wrong)
    forget_all()
    found = [each for each in faults(broken) if each.startswith("message en html")]
    text = "\n".join(found)
    assert re.search(r"line 5, column \d+: .*nmber.*ctx\.order\.number", text)
    assert re.search(r"line 6, column \d+: .*upcasee.*upcase", text)
    assert re.search(r"line 6, column \d+: .*{% if .*{% endif %}", text)
    assert re.search(r"line 3, column \d+: .*mj-sectoin.*mj-section", text)
    assert not Message.objects.exists()


def test_the_command_prints_the_place_in_the_file_too(tmp_path: Path) -> None:
    """So that an editor jumps there."""
    package = example()
    package["message"]["content"]["en"]["source"][2] = "<p>{{ ctx.parcel.nmber }}</p>"
    path = tmp_path / "parcel.json"
    text = json.dumps(package, indent=2)
    path.write_text(text)
    error = io.StringIO()
    with pytest.raises(CommandError, match="nothing was imported") as caught:
        call_command("import_message", str(path), stderr=error)
    assert caught.value.returncode == 1
    number = next(n for n, line in enumerate(text.split("\n"), 1) if "nmber" in line)
    line = f"{path}:{number}: message en html, line 3, column 7: "
    assert any(each.startswith(line) for each in error.getvalue().splitlines())
    assert "ctx.parcel.number" in error.getvalue()
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "zip"}, "“format”"),
        ({"version": 2}, "“version”"),
        ({"mesage": {}}, "“mesage” is not known here (did you mean message?)"),
        ({"message": None}, "“message” must be an object"),
        ({"content_blocks": {}}, "“content_blocks” must be a list"),
    ],
)
def test_what_is_not_in_shape_is_named_with_its_place(
    change: dict[str, Any], words: str
) -> None:
    """The line and column count in the file."""
    found = faults({**example(), **change})
    assert any(words in each for each in found)
    assert all(re.match(r"line \d+, column \d+: ", each) for each in found)


@pytest.mark.parametrize(
    ("part", "field", "value", "words"),
    [
        ("message", "channel", "fax", "“channel”"),
        ("message", "channel", "emial", "did you mean email?"),
        ("message", "internal_name", "two words", "characters that it cannot have"),
        ("message", "label", "", "“label” is empty"),
        ("message", "content", {}, "the default language en has no content"),
        ("message", "content", {"en": "text"}, "must be an object"),
        ("event_type", "contract", {"type": "nothing"}, "not a valid JSON Schema"),
        ("event_type", "ttl_seconds", "5", "must be a whole number"),
        ("event_type", "lanes", "bulk", "did you mean lane?"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(
    part: str, field: str, value: Any, words: str
) -> None:
    """Before anything is looked up."""
    package = example()
    package[part][field] = value
    assert any(words in each for each in faults(package))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1, column 1"),
        ("{", "line 1, column 2"),
        ('{\n "a": 1,\n "a": 2}', "line 3, column 7"),
        ('{"a": NaN}', "line 1, column 1"),
        ("[" * 100_000, "line 1, column 1"),
        ("[1, 2]", "line 1, column 1"),
    ],
)
def test_what_is_no_json_object_has_a_place(text: str, place: str) -> None:
    """Whatever is given: never a traceback."""
    assert faults(text)[0].startswith(place)


def test_a_message_of_another_channel_is_not_replaced() -> None:
    """The name is taken: that is the fault, not a silent change."""
    make_message(internal_name="parcel-shipped", channel="sms", content={"en": {}})
    assert "for sms already" in faults(example())[0]


def test_a_contract_that_breaks_another_live_message_is_refused() -> None:
    """The other one is named."""
    imported(json.dumps(example()), publish=True)
    package = example()
    parcel = package["event_type"]["contract"]["properties"]["parcel"]
    del parcel["properties"]["link"]
    parcel["required"] = ["number"]
    parcel["additionalProperties"] = False
    for sample in (
        package["event_type"]["sample"],
        package["event_type"]["samples"]["Long number"],
        package["message"]["context_sample"],
    ):
        del sample["parcel"]["link"]
    package["event_type"]["sensitive_paths"] = []
    package["message"]["internal_name"] = "parcel-sms"
    package["message"]["content"]["en"]["source"] = (
        "<html><body>{{ ctx.parcel.number }}</body></html>"
    )
    found = faults(package)
    assert len(found) == 1
    assert "breaks the published message “Parcel shipped”" in found[0]


def test_exports_are_listed_and_a_wrong_name_is_guessed() -> None:
    """For scripts, and for people."""
    whole_message()
    out = io.StringIO()
    call_command("export_message", "--list", stdout=out)
    assert out.getvalue() == "order-placed\n"
    with pytest.raises(CommandError, match="Did you mean order-placed"):
        call_command("export_message", "order-plcaed")
    with pytest.raises(CommandError, match="--list"):
        call_command("export_message")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_message", "/nonexistent.json")


def test_places_are_those_of_the_text() -> None:
    """Keys with slashes, nested lists, strings that hold brackets."""
    text = '{\n  "a/b": [1, {"c": "}, [", "d": [[]]}],\n  "e": "x"\n}'
    placed = parse(text)
    assert placed.place("/a~1b/1/d/0") == (2, 34)
    assert placed.place("/e") == (3, 8)
    assert placed.place("/e/nothing/there") == (3, 8)
    with pytest.raises(BrokenJson):
        parse('{"a": 1} {}')


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("message/label", "a\0b", "'\\x00' cannot be kept"),
        ("message/content/en/subject", "a\ud800b", "'\\ud800' cannot be kept"),
        ("event_type/sample", {"\0": 1}, "the name '\\x00' cannot be kept"),
        ("event_type/samples", {"x" * 81: {}}, "at most 80 characters"),
        ("event_type/contract", {"maximum": 1e999}, "too large"),
        ("event_type/ttl_seconds", 10**30, "2147483647"),
        ("message/folder", ["a"] * 9, "“folder” has too many items"),
        ("message/folder", [" "], "holds characters"),
        ("message/content", {"en": {}, "../x": {}}, "no language such as"),
        ("message/content", {"en": {}, "x" * 200: {}}, "no language such as"),
        ("message/content/en/subjct", "Hello", "did you mean subject?"),
        ("message/content/en/subject", 5, "“subject” must be text"),
        ("message/content/en/preheader", None, "“preheader” must be text"),
        ("message/content/en/blocks", 5, "blocks must be a JSON object"),
        ("message/content/en/attachments", "x", "attachments must be a list"),
        ("message/content", {"en": {}}, "the subject is empty"),
    ],
)
def test_hostile_values_are_faults_and_never_a_database_error(
    path: str, value: Any, words: str
) -> None:
    """Each is named; nothing is written."""
    package = example()
    *steps, last = path.split("/")
    place: Any = package
    for step in steps:
        place = place[step]
    place[last] = value
    text = json.dumps(package).replace("Infinity", "1e999")
    assert any(words in each for each in faults(text))
    assert not Message.objects.exists()


def test_an_empty_list_stays_a_list() -> None:
    """Attachments that were taken away again are no text."""
    package = example()
    package["message"]["content"]["en"]["attachments"] = []
    imported(json.dumps(package))
    content = Message.objects.get().content["en"]
    assert content["attachments"] == []


def test_a_template_of_another_channel_is_not_replaced() -> None:
    """The name is taken, as with a message."""
    package = example()
    package["template"] = {**package["message"], "internal_name": "parcel"}
    Template.objects.create(label="Parcel", internal_name="parcel", channel="sms")
    assert any("a template parcel for sms already" in each for each in faults(package))


def test_a_content_block_stands_in_a_package_once() -> None:
    """The second would silently win."""
    package = example()
    block = {"internal_name": "sign", "label": "Sign", "text": "x"}
    package["content_blocks"] += [block, block]
    assert any("sign stands here twice" in each for each in faults(package))


@pytest.mark.parametrize("channel", ["email", "push"])
def test_blocks_attachments_and_options_come_back_byte_for_byte(channel: str) -> None:
    """In several languages, with the app of a push message."""
    parts: dict[str, dict[str, Any]] = {
        "email": {
            "subject": "a",
            "source_kind": "blocks",
            "blocks": {
                "version": 1,
                "settings": {"width": 600},
                "blocks": [
                    {"id": "a", "kind": "text", "text": "x\ny", "show_if": None}
                ],
            },
            "attachments": [
                {
                    "url": "https://x.example/{{ ctx.order.number }}.pdf",
                    "when_missing": "skip",
                }
            ],
        },
        "push": {
            "title": "a\nb",
            "body": "x",
            "data": '{\n  "a": "b"\n}',
            "options": {"ios": {"badge": "1"}, "android": {"tag": "t"}},
        },
    }
    app = MobileApp.objects.create(label="Shop", internal_name="shop")
    message = make_message(
        make_event_type(),
        internal_name="whole",
        channel=channel,
        default_language="pt-BR",
        mobile_app=app if channel == "push" else None,
        content={"pt-BR": parts[channel], "en": {**parts[channel], "text": ""}},
    )
    first = packages.export_message(Message.objects.get(pk=message.pk))
    forget_all()
    app.delete()
    imported(first)
    again = Message.objects.get(internal_name="whole")
    assert packages.export_message(again) == first


def test_event_types_differ_in_more_than_capital_letters() -> None:
    """As in the admin."""
    make_event_type(name="Parcel.Shipped")
    package = example()
    package["event_type"]["name"] = "parcel.shipped"
    assert any("write Parcel.Shipped" in each for each in faults(package))
