"""What a preview and a proof look like to a calling system: plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from events.problems import rfc3339
from templates_app.models import Proof, ProofRecipient
from templates_app.rehearsing import Rehearsal
from templates_app.simulation import Simulation


def rehearsal(found: Rehearsal) -> dict[str, Any]:
    """Return what a message looks like with given data, and what is wrong with it."""
    simulated = found.simulated
    message = simulated.message
    return {
        "message": found.message.internal_name,
        "version": found.version.number if found.version else None,
        "channel": found.message.channel,
        "language": found.language,
        "is_rendered": message is not None,
        "parts": dict(message.parts) if message else {},
        "headers": dict(message.headers) if message else {},
        "attachments": [
            {"name": each.name, "url": each.url}
            for each in (message.attachments if message else ())
        ],
        "size": _size(simulated),
        "errors": [dict(error) for error in simulated.errors],
        "findings": [dict(each.as_dict()) for each in found.findings],
        "contract": {
            "fits": not found.misfits,
            "would_be_refused": found.is_strict and bool(found.misfits),
            "errors": [asdict(fault) for fault in found.misfits],
        },
        "warnings": list(simulated.warnings),
    }


def _size(simulated: Simulation) -> dict[str, Any]:
    segments = simulated.segments
    return {
        "html_bytes": simulated.html_bytes or None,
        "push_bytes": simulated.push_bytes or None,
        "segments": segments.parts if segments else None,
        "encoding": segments.encoding if segments else None,
    }


def proof(found: Proof) -> dict[str, Any]:
    """Return where a proof and each of its recipients stand."""
    message = found.message.internal_name if found.message else ""
    return {
        "number": found.number,
        "message": message,
        "channel": found.channel,
        "language": found.language,
        "status": found.status,
        "created_at": rfc3339(found.created_at),
        "finished_at": rfc3339(found.finished_at) if found.finished_at else None,
        "recipients": [_recipient(each) for each in found.recipients.order_by("pk")],
        "links": {"self": f"/api/v1/messages/{message}/proofs/{found.number}"},
    }


def _recipient(recipient: ProofRecipient) -> dict[str, Any]:
    return {
        "address": recipient.address,
        "name": recipient.name or None,
        "status": recipient.status,
        "answer": recipient.answer or None,
        "sent_at": rfc3339(recipient.sent_at) if recipient.sent_at else None,
    }
