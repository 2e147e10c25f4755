"""An event type as it stands in the unsaved form: what fits, and what would change.

Answers the page while somebody types; nothing is written, and nothing raised for what
is half typed. Knows no request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from events import api_preview, contract, contract_fields, inference
from events.json_text import BadText, Problem, as_text, placed, read_object
from events.models import EventType

_MAX_SAMPLES = 50
_MAX_PROBLEMS = 8


@dataclass(frozen=True, slots=True)
class DraftSample:
    """A sample as typed; `key` is the name of its field, `ctx` None if unreadable."""

    key: str
    text: str
    ctx: dict[str, Any] | None
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class TypeDraft:
    """What the form holds; `schema` is None while the contract cannot be read."""

    contract_text: str
    schema: dict[str, Any] | None
    problem: Problem | None
    samples: list[DraftSample]
    sensitive_paths: list[str]

    @property
    def contexts(self) -> list[dict[str, Any]]:
        """Return the samples that can be read and hold something."""
        return [sample.ctx for sample in self.samples if sample.ctx]


def read_draft(data: Mapping[str, Any]) -> TypeDraft:
    """Return what a form's data hold, however wrong."""
    text = str(data.get("contract", ""))
    schema, problem = _read_contract(text, data)
    lines = str(data.get("sensitive_paths", "")).splitlines()
    return TypeDraft(
        text,
        schema,
        problem,
        [_read_sample(key, str(data.get(key, ""))) for key in _sample_keys(data)],
        [line.strip() for line in lines if line.strip()],
    )


def checked(draft: TypeDraft, event_type: EventType, *, address: str) -> dict[str, Any]:
    """Return what the page shows of a draft, as JSON.

    ``{"contract": {"text", "problem", "rows", "closed"}, "samples": [{"key", "json",
    "problems"}], "snippets": {key: code}}``; a problem is ``{"message", "line",
    "column"}``. `event_type` says which channel is live.
    """
    schema = draft.schema
    typical = draft.samples[0].ctx or {} if draft.samples else {}
    event_type.contract = schema or {"type": "object"}
    body = api_preview.body_of(event_type, typical)
    return {
        "contract": {
            "problem": asdict(draft.problem) if draft.problem else None,
            **(_table(schema, draft) if schema is not None else {}),
        },
        "samples": [_sample_answer(sample, schema) for sample in draft.samples],
        "snippets": {
            snippet.key: snippet.code
            for snippet in api_preview.snippets_of(body, address=address)
        },
    }


def inferred(draft: TypeDraft, *, afresh: bool = False) -> dict[str, Any]:
    """Return the contract that the samples of a draft suggest, as JSON.

    ``{"text", "rows", "closed", "changes": [{"path", "words"}], "samples": 2}``.
    Afresh drops what no sample shows, and every rule that is not plain to see.
    """
    found = inference.contract_of(draft.contexts, is_exact=not afresh)
    old = draft.schema or {"type": "object"}
    schema = found if afresh else inference.merged(old, found)
    changes = inference.changes_between(old, schema)
    return {
        **_table(schema, draft),
        "changes": [asdict(change) for change in changes],
        "samples": len(draft.contexts),
    }


def _read_contract(
    text: str, data: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, Problem | None]:
    try:
        schema = read_object(text, noun="contract") or {"type": "object"}
        if rows := data.get("contract_rows"):
            closed = str(data.get("contract_closed", ""))
            schema = contract_fields.with_table(schema, str(rows), closed=closed)
    except BadText as error:
        return None, error.problem
    except contract_fields.BadRow as error:
        return None, Problem(str(error))
    fault = contract.fault_of(schema)
    if fault is not None:
        return None, placed(text, fault.pointer, fault.message)
    return schema, None


def _sample_keys(data: Mapping[str, Any]) -> list[str]:
    try:
        total = min(int(data.get("samples-TOTAL_FORMS", 0)), _MAX_SAMPLES)
    except ValueError:
        total = 0
    further = [
        f"samples-{index}-ctx"
        for index in range(total)
        if not data.get(f"samples-{index}-DELETE")
    ]
    return ["sample", *further]


def _read_sample(key: str, text: str) -> DraftSample:
    try:
        return DraftSample(key, text, read_object(text, noun="sample"), None)
    except BadText as error:
        return DraftSample(key, text, None, error.problem)


def _sample_answer(
    sample: DraftSample, schema: Mapping[str, Any] | None
) -> dict[str, Any]:
    problems = [sample.problem] if sample.problem else []
    if sample.ctx and schema is not None:
        problems = _misfits(sample, schema)
    return {
        "key": sample.key,
        "is_json": sample.ctx is not None,
        "problems": [asdict(problem) for problem in problems],
    }


def _misfits(sample: DraftSample, schema: Mapping[str, Any]) -> list[Problem]:
    faults: Sequence[Any] = contract.faults_of(sample.ctx, schema)
    found = [
        placed(sample.text, fault.pointer.removeprefix("/ctx"), fault.message)
        for fault in faults[:_MAX_PROBLEMS]
    ]
    if len(faults) > _MAX_PROBLEMS:
        found.append(Problem(f"And {len(faults) - _MAX_PROBLEMS} more."))
    return found


def _table(schema: Mapping[str, Any], draft: TypeDraft) -> dict[str, Any]:
    rows = contract_fields.rows_of(schema, draft.contexts, draft.sensitive_paths)
    return {
        "text": as_text(schema),
        "rows": [row.as_dict() for row in rows],
        "closed": contract_fields.is_closed(schema),
    }
