"""A package's text as checked values, or every fault of its shape with its place.

Looks at the file alone: what stands in the database, and whether the content fits the
contract, is asked by `importing`.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from events import contract as contracts
from events.models import Channel, ContractMode, Lane, TypeKind, WhenUncovered
from templates_app.folders import MAX_DEPTH
from templates_app.models import Platform, UnknownOutcome
from templates_app.packages.places import BrokenJson, Placed, parse, pointer_of
from templates_app.rendering.fields import Content

FORMAT = "txmsg-package"
VERSION = 1
_MAX_LEVELS = 64
# What PostgreSQL can keep in no text.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LONGEST_LANGUAGE = 12
_LARGEST_INTEGER = 2_147_483_647
_CONTENT = {each.name: each.default for each in fields(Content)}

_SENTENCES = {
    "missing": "“{name}” is missing",
    "extra_forbidden": "“{name}” is not known here",
    "string_type": "“{name}” must be text",
    "dict_type": "“{name}” must be an object",
    "list_type": "“{name}” must be a list",
    "int_type": "“{name}” must be a whole number",
    "bool_type": "“{name}” must be true or false",
    "model_type": "“{name}” must be an object",
    "string_pattern_mismatch": "“{name}” holds characters that it cannot have",
    "string_too_short": "“{name}” is empty",
    "too_long": "“{name}” has too many items",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a package: what, where in the file, and what to do.

    `where` names the part that `line` and `column` count in, when they do not count in
    the file: the text of a content's field. `file_line` always counts in the file.
    """

    message: str
    line: int
    column: int
    suggestion: str = ""
    where: str = ""
    file_line: int = 0

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}"
        where = f"{self.where}, {place}" if self.where else place
        advice = f" ({self.suggestion})" if self.suggestion else ""
        return f"{where}: {self.message}{advice}"


class BrokenPackage(Exception):
    """A package that cannot be imported; `faults` say each reason."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


def _joined(value: Any) -> Any:
    """Return a list of lines as one text."""
    is_lines = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return "\n".join(value) if is_lines else value


Text = Annotated[str, BeforeValidator(_joined)]
Name = Annotated[str, Field(pattern=r"^[-A-Za-z0-9_]{1,64}$")]
Label = Annotated[str, Field(min_length=1, max_length=120)]
FolderName = Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]
SampleName = Annotated[str, Field(min_length=1, max_length=80)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_enum_values=True)


class EventTypePart(_Part):
    """An event type: its properties, contract and samples."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    label: Label
    description: Text = ""
    kind: Literal[*TypeKind.values] = "event"  # type: ignore[valid-type]
    lane: Literal[*Lane.values] = "normal"  # type: ignore[valid-type]
    ttl_seconds: Annotated[int, Field(ge=1, le=_LARGEST_INTEGER)] = 5 * 86_400
    channel_order: list[Literal[*Channel.values]] = Field(  # type: ignore[valid-type]
        default_factory=lambda: list(Channel.values)
    )
    fan_out: bool = False
    when_uncovered: Literal[*WhenUncovered.values] = "reject"  # type: ignore[valid-type]
    retention_days: Annotated[int, Field(ge=1, le=32_767)] = 400
    context_retention_days: Annotated[int, Field(ge=1, le=32_767)] = 30
    contract_mode: Literal[*ContractMode.values] = "strict"  # type: ignore[valid-type]
    sensitive_paths: list[str] = Field(default_factory=list)
    sample: dict[str, Any] = Field(default_factory=dict)
    samples: dict[SampleName, dict[str, Any]] = Field(default_factory=dict)
    contract: dict[str, Any]


class BlockPart(_Part):
    """A content block."""

    internal_name: Name
    label: Label
    description: Text = ""
    html: Text = ""
    text: Text = ""


class MobileAppPart(_Part):
    """The app that a push message goes to."""

    internal_name: Name
    label: Label
    platforms: list[Literal[*Platform.values]]  # type: ignore[valid-type]


class DraftPart(_Part):
    """What messages and templates share."""

    internal_name: Name
    label: Label
    channel: Literal[*Channel.values]  # type: ignore[valid-type]
    nature: Annotated[str, Field(max_length=60)] = ""
    delivery_code: Annotated[str, Field(max_length=60)] = ""
    unknown_outcome: Literal[*UnknownOutcome.values]  # type: ignore[valid-type]
    default_language: Annotated[str, Field(min_length=1, max_length=12)] = "en"
    context_sample: dict[str, Any] = Field(default_factory=dict)
    description: Text = ""
    folder: Annotated[list[FolderName], Field(max_length=MAX_DEPTH)] = Field(
        default_factory=list
    )
    mobile_app: MobileAppPart | None = None
    content: dict[str, dict[str, Any]]


class PackagePart(_Part):
    """The whole file."""

    format: Literal["txmsg-package"]
    version: Literal[1]
    event_type: EventTypePart | None = None
    content_blocks: list[BlockPart] = Field(default_factory=list)
    template: DraftPart | None = None
    message: DraftPart


@dataclass(frozen=True, slots=True)
class Package:
    """A package whose shape is right; its text is kept for the places of faults."""

    parts: PackagePart
    placed: Placed

    def fault(self, message: str, *steps: object, suggestion: str = "") -> Fault:
        """Return a fault at the value that keys and indexes name."""
        line, column = self.placed.place(pointer_of(*steps))
        return Fault(message, line, column, suggestion)


def read(text: str) -> Package:
    """Return the package of a JSON text; raise BrokenPackage with every fault."""
    try:
        placed = parse(text)
    except BrokenJson as error:
        raise BrokenPackage([Fault(str(error), error.line, error.column)]) from error
    faults = [*_unstorable(placed)]
    if faults:
        raise BrokenPackage(faults)
    try:
        parts = PackagePart.model_validate(placed.value)
    except ValidationError as error:
        faults = [_fault(placed, dict(each)) for each in error.errors()]
        raise BrokenPackage(faults) from error
    package = Package(parts, placed)
    faults = [*_faults_of(package)]
    if faults:
        raise BrokenPackage(faults)
    for draft in (parts.message, parts.template):
        if draft is not None:
            draft.content = {
                language: {
                    name: _joined(value) if _CONTENT[name] == "" else value
                    for name, value in content.items()
                }
                for language, content in draft.content.items()
            }
    return package


def _unstorable(placed: Placed) -> Iterator[Fault]:
    """Yield what no database could keep: some characters, numbers, and depths."""
    waiting: list[tuple[str, Any]] = [("", placed.value)]
    while waiting:
        pointer, value = waiting.pop()
        message = ""
        if isinstance(value, str) and (found := _UNSTORABLE.search(value)):
            message = f"the character {found.group()!a} cannot be kept"
        elif isinstance(value, float) and not math.isfinite(value):
            message = "this number is too large"
        elif isinstance(value, dict | list) and pointer.count("/") >= _MAX_LEVELS:
            message = f"this is nested deeper than {_MAX_LEVELS} levels"
        elif isinstance(value, dict):
            for name, each in value.items():
                if _UNSTORABLE.search(name):
                    message = f"the name {name!a} cannot be kept"
                waiting.append((pointer + pointer_of(name), each))
        elif isinstance(value, list):
            waiting += [(f"{pointer}/{at}", each) for at, each in enumerate(value)]
        if message:
            yield Fault(message, *placed.place(pointer))


def _faults_of(package: Package) -> Iterator[Fault]:
    """Yield what is wrong in values whose shape is right."""
    parts = package.parts
    if parts.event_type is not None:
        problem = contracts.problem_of(parts.event_type.contract)
        if problem:
            yield package.fault(problem, "event_type", "contract")
    names = [each.internal_name for each in parts.content_blocks]
    for number, block in enumerate(names):
        if block in names[:number]:
            message = f"the content block {block} stands here twice"
            yield package.fault(message, "content_blocks", number, "internal_name")
    for name, draft in (("template", parts.template), ("message", parts.message)):
        if draft is None:
            continue
        if draft.default_language not in draft.content:
            yield package.fault(
                f"the default language {draft.default_language} has no content",
                name,
                "content",
            )
        for language, content in draft.content.items():
            is_short = len(language) <= _LONGEST_LANGUAGE
            if not is_short or not _LANGUAGE.fullmatch(language):
                message = f"“{language[:40]}” is no language such as en or pt-BR"
                yield package.fault(message, name, "content", language)
            yield from _content_faults(package, content, name, "content", language)
    if parts.template is not None and parts.template.channel != parts.message.channel:
        yield package.fault(
            "the template is of another channel than the message", "template", "channel"
        )


def _content_faults(
    package: Package, content: dict[str, Any], *steps: str
) -> Iterator[Fault]:
    """Yield the fields of a content that it does not have, or that are no text."""
    for name, value in content.items():
        if name not in _CONTENT:
            near = difflib.get_close_matches(name, _CONTENT, n=1)
            yield package.fault(
                _SENTENCES["extra_forbidden"].format(name=name),
                *steps,
                name,
                suggestion=f"did you mean {near[0]}?" if near else "",
            )
        elif _CONTENT[name] == "" and not isinstance(_joined(value), str):
            sentence = _SENTENCES["string_type"].format(name=name)
            yield package.fault(sentence, *steps, name)


def _fault(placed: Placed, error: dict[str, Any]) -> Fault:
    steps = error["loc"]
    kind, name = error["type"], str(steps[-1]) if steps else "the package"
    sentence = _SENTENCES.get(kind, "“{name}”: " + error["msg"].lower())
    line, column = placed.place(pointer_of(*steps))
    return Fault(sentence.format(name=name), line, column, _advice(kind, steps, error))


def _advice(kind: str, steps: tuple[Any, ...], error: dict[str, Any]) -> str:
    if kind == "literal_error":
        expected = str(error["ctx"]["expected"])
        names = [each.strip("'") for each in expected.replace(" or ", ", ").split(", ")]
        near = difflib.get_close_matches(str(error["input"]), names, n=1)
        return f"did you mean {near[0]}?" if near else f"write {expected}"
    if kind != "extra_forbidden":
        return ""
    known = _fields_at(steps[:-1])
    near = difflib.get_close_matches(str(steps[-1]), known, n=1)
    return f"did you mean {near[0]}?" if near else ""


def _fields_at(steps: tuple[Any, ...]) -> list[str]:
    """Return the names that the object at these steps may have."""
    by_name: dict[str, type[BaseModel]] = {
        "event_type": EventTypePart,
        "content_blocks": BlockPart,
        "template": DraftPart,
        "message": DraftPart,
        "mobile_app": MobileAppPart,
    }
    named = [step for step in steps if step in by_name]
    model = by_name[named[-1]] if named else PackagePart
    return list(model.model_fields)
