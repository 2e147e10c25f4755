"""What differs between two contents, line by line."""

from __future__ import annotations

from templates_app import differences
from templates_app.differences import Line


def shown(line: Line) -> str:
    """Return a line as one sees it, with its marks in brackets."""
    words = "".join(f"[{text}]" if mark else text for text, mark in line.pieces)
    return f"{line.sign or ' '}{words}" if line.kind != "gap" else "…"


def test_lines_have_their_numbers_and_words_their_marks() -> None:
    lines = list(differences.lines_between("a\nHello you\nz", "a\nHello all\nz\nend"))
    assert [shown(line) for line in lines] == [
        " a",
        "−Hello [you]",
        "+Hello [all]",
        " z",
        "+end",
    ]
    assert [(line.before, line.after) for line in lines] == [
        (1, 1),
        (2, None),
        (None, 2),
        (3, 3),
        (None, 4),
    ]


def test_what_is_the_same_far_away_is_left_out() -> None:
    before = "\n".join(str(n) for n in range(40))
    after = before.replace("20", "twenty")
    lines = list(differences.lines_between(before, after))
    assert lines[0].kind == "gap"
    assert len(lines) == 1 + 3 + 2 + 3


def test_lines_that_have_nothing_in_common_are_not_marked_word_by_word() -> None:
    removed, added = differences.lines_between("one thing", "quite different words")
    assert shown(removed) == "−one thing"
    assert shown(added) == "+quite different words"


def test_fields_and_languages_come_and_go() -> None:
    before = {"en": {"subject": "S", "text": "T"}, "de": {"subject": "S"}}
    after = {"en": {"subject": "S", "preheader": "P", "text": "U"}}
    found = differences.between(before, after)
    assert [(f.language, f.field, f.added, f.removed) for f in found] == [
        ("de", "subject", 0, 1),
        ("en", "preheader", 1, 0),
        ("en", "text", 1, 1),
    ]


def test_a_block_document_is_compared_as_readable_json() -> None:
    def document(text: str) -> dict[str, object]:
        return {"blocks": [{"id": "b1", "kind": "text", "text": text}]}

    (found,) = differences.between(
        {"en": {"blocks": document("Hello")}}, {"en": {"blocks": document("Bye")}}
    )
    assert found.label == "visual blocks"
    changed = [line for line in found.lines if line.kind in ("added", "removed")]
    assert [shown(line) for line in changed] == [
        '−      "text": "[Hello]"',
        '+      "text": "[Bye]"',
    ]


def test_empty_is_empty_however_it_is_written() -> None:
    assert differences.between({"en": {"text": "", "options": {}}}, {"en": {}}) == []
