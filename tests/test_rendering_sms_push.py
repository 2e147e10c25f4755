from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from templates_app.rendering import (
    RenderedMessage,
    RenderError,
    compile_content,
    program,
)
from templates_app.rendering.sms import segments
from tests.test_rendering_context import make_context


def make_message(
    channel: str, ctx: dict[str, Any] | None = None, **fields: str
) -> RenderedMessage:
    return program(channel, compile_content(channel, fields)).render(
        make_context(ctx), delivery_id=UUID(int=7), address="+4366012345"
    )


@pytest.mark.parametrize(
    ("text", "encoding", "parts"),
    [
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("ж" * 70, "UCS-2", 1),
        ("ж" * 71, "UCS-2", 2),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 36, "UCS-2", 2),
        ("ж" * 66 + "😀" + "ж" * 66, "UCS-2", 3),
        ("a" * 152 + "€" + "a" * 153, "GSM-7", 3),
        ("a" * 69 + "\u2019", "UCS-2", 1),
        ("a" * 70 + "\u2019", "UCS-2", 2),
        ("`", "UCS-2", 1),
        ("ç", "UCS-2", 1),
        ("Ç", "GSM-7", 1),
        ("", "GSM-7", 0),
    ],
)
def test_segments_are_cut_as_the_networks_cut_them(
    text: str, encoding: str, parts: int
) -> None:
    result = segments(text)

    assert (result.encoding, result.parts) == (encoding, parts)


def test_segments_name_the_characters_that_force_the_larger_alphabet() -> None:
    assert segments("it\u2019s \u2019ж").guilty == ("\u2019", "ж")
    assert segments("€" * 80).units == 160


def test_sms_is_plain_text_with_a_sender() -> None:
    message = make_message(
        "sms", {"v": "<b> & 'c'"}, text=" {{ ctx.v }} ", sender="{{ 'SHOP' }}"
    )

    assert message.parts == {"text": "<b> & 'c'"}
    assert message.headers == {"sender": "SHOP"}


@pytest.mark.parametrize("text", ["{{ ctx.none }}", "{{ ctx.long }}"])
def test_sms_that_is_empty_or_endless_is_refused(text: str) -> None:
    with pytest.raises(RenderError):
        make_message("sms", {"none": None, "long": "a" * 1531}, text=text)


def test_push_data_escapes_values_for_json() -> None:
    hostile = '"}, "admin": true, {"\n\\'
    message = make_message(
        "push",
        {"v": hostile, "n": 3},
        title="A {{ ctx.n }}",
        body="B",
        data='{"v": "{{ ctx.v | default: "x" }}", "n": "{{ ctx.n }}", "k": [1, true]}',
        image="https://a.b/c.png",
    )

    assert json.loads(message.parts["data"]) == {"v": hostile, "n": "3", "k": [1, True]}
    assert message.parts["title"] == "A 3"
    assert message.parts["image"] == "https://a.b/c.png"


def test_push_over_4096_bytes_is_refused() -> None:
    make_message("push", {"v": "ж" * 2040}, body="{{ ctx.v }}")

    with pytest.raises(RenderError, match="4,096") as caught:
        make_message("push", {"v": "ж" * 2050}, body="{{ ctx.v }}")

    assert caught.value.code == "too_long"


@pytest.mark.parametrize(
    "data", ['{"n": {{ ctx.n }} }', "[1]", "{", '{"{{ ctx.n }}": 1}']
)
def test_push_data_that_is_no_json_object_is_refused(data: str) -> None:
    with pytest.raises(RenderError) as caught:
        compile_content("push", {"body": "x", "data": data})

    assert (caught.value.code, caught.value.part) == ("invalid_json", "data")


def test_a_push_picture_has_a_safe_address() -> None:
    with pytest.raises(RenderError, match="javascript"):
        make_message("push", {"u": "javascript:x"}, body="x", image="{{ ctx.u }}")


def test_an_unknown_channel_is_refused() -> None:
    with pytest.raises(RenderError, match="no channel"):
        compile_content("fax", {})
