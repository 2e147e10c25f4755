"""Messages, tried out: rendered with given data, and sent as proofs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Router, Status
from pydantic import Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from events import schemas, strict_json
from events.addresses import BadAddress
from events.api_keys import Caller
from events.models import Scope
from events.problems import Fault, Refused
from events.schemas import OneLine
from events.views import idempotency_key
from templates_app import proofing, rehearsing
from templates_app.models import Message, Proof
from templates_app.rehearsing import Which
from templates_app.simulation import Sample
from txmsg.api import showing
from txmsg.api.reading import KeyedRequest, KeyWith, Strict, not_found, refused

router = Router(tags=["Messages"])

MAX_VERSION = 2**31 - 1
_NUMBER = re.compile(r"[1-9][0-9]{0,8}\Z")

# The words for authors name the domain that was typed.
_ELSEWHERE = "is not at one of TXMSG_PROOF_DOMAINS, and proofs go nowhere else"
LanguageTag = Annotated[OneLine, Field(min_length=2, max_length=35)]


def _which(value: Any) -> Which:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if value in ("draft", "published") or (is_number and 1 <= value <= MAX_VERSION):
        which: Which = value
        return which
    raise PydanticCustomError(
        "invalid_choice", "must be draft, published, or the number of a version"
    )


class PreviewRecipient(schemas.Recipient):
    """Who the message speaks to; what is left out is made up."""

    @model_validator(mode="after")
    def _check(self) -> PreviewRecipient:
        """Take one without an address, for nothing is sent."""
        return self


class PreviewIn(Strict):
    """What a message is rendered from."""

    version: Annotated[
        Which,
        PlainValidator(_which),
        WithJsonSchema(
            {
                "anyOf": [
                    {"enum": ["draft", "published"]},
                    {"type": "integer", "minimum": 1, "maximum": MAX_VERSION},
                ]
            }
        ),
    ] = Field(
        default="published", description="`published` unless given, or which version."
    )
    ctx: dict[str, Any] | None = Field(
        default=None, description="The data; without them, those of its sample."
    )
    recipient: PreviewRecipient | None = Field(
        default=None, description="Who it speaks to; what is left out is made up."
    )
    language: LanguageTag | None = Field(
        default=None, description="Of the content; the nearest one is taken."
    )


class ProofRecipientIn(Strict):
    """An address on the message's channel; for push ``platform:token``."""

    address: str = Field(
        min_length=1,
        max_length=512,
        description="On the message's channel; for push, `platform:token`.",
    )
    name: OneLine = Field(default="", max_length=120, description="Of the person.")


class ProofIn(Strict):
    """Who gets a proof of the draft, and with what data."""

    recipients: list[ProofRecipientIn] = Field(
        min_length=1,
        max_length=proofing.MAX_RECIPIENTS,
        description="Who gets it.",
    )
    ctx: dict[str, Any] | None = Field(
        default=None, description="The data; without them, those of its sample."
    )
    language: LanguageTag | None = Field(
        default=None, description="One that it has; its default unless given."
    )


@router.post("/messages/{internal_name}/preview", auth=KeyWith(Scope.MESSAGES_PREVIEW))
def preview_message(
    request: KeyedRequest, internal_name: str, preview: PreviewIn
) -> dict[str, Any]:
    """Render a message with given data; nothing is sent or stored."""
    message = _found(internal_name, request.auth)
    recipient = preview.recipient or PreviewRecipient()
    try:
        found = rehearsing.rehearse(
            message,
            which=preview.version,
            ctx=preview.ctx,
            recipient=recipient.model_dump(exclude_none=True, exclude={"push"}),
            language=preview.language or recipient.language or "",
        )
    except rehearsing.NotThere:
        raise not_found("such version of this message") from None
    except rehearsing.NotPublished:
        raise Refused(
            409,
            "not_published",
            "This message is not published: preview its draft, or a version by number.",
            retryable=True,
        ) from None
    return showing.rehearsal(found)


@router.post(
    "/messages/{internal_name}/proofs",
    auth=KeyWith(Scope.MESSAGES_PROOF),
    response={202: dict[str, Any], 200: dict[str, Any]},
)
def send_proof(
    request: KeyedRequest, internal_name: str, proof: ProofIn, response: HttpResponse
) -> Status[dict[str, Any]]:
    """Send a proof of the draft to chosen addresses."""
    message = _found(internal_name, request.auth)
    asking = _asking(request, message)
    try:
        first = proofing.earlier(asking)
        made = first or _requested(message, proof, asking)
    except proofing.KeyReused:
        raise Refused(
            409,
            "idempotency_key_reused",
            "This Idempotency-Key was used for another proof.",
        ) from None
    shown = showing.proof(made)
    response["Location"] = shown["links"]["self"]
    if first is not None:
        response["Idempotent-Replayed"] = "true"
    return Status(202 if first is None else 200, shown)


@router.get(
    "/messages/{internal_name}/proofs/{number}", auth=KeyWith(Scope.MESSAGES_PROOF)
)
def get_proof(request: KeyedRequest, internal_name: str, number: str) -> dict[str, Any]:
    """What became of a proof, recipient by recipient."""
    message = _found(internal_name, request.auth)
    found: Proof | None = None
    if _NUMBER.match(number):
        found = message.proofs.filter(number=int(number)).first()
    if found is None:
        raise not_found("proof of this number")
    return showing.proof(found)


def _found(internal_name: str, caller: Caller) -> Message:
    message = rehearsing.message_for(internal_name, caller)
    if message is None:
        raise not_found("message of this name")
    return message


def _asking(request: KeyedRequest, message: Message) -> proofing.Asking:
    """Return who asks, and what for, as far as a repetition is known by it."""
    body: Mapping[str, Any] = request.txmsg_body  # type: ignore[attr-defined]
    asked = strict_json.canonical({"message": message.pk, "body": body})
    return proofing.Asking(
        source_id=request.auth.source_id,
        key=idempotency_key(request),
        fingerprint=hashlib.sha256(asked).hexdigest(),
    )


def _requested(message: Message, proof: ProofIn, asking: proofing.Asking) -> Proof:
    """Store the request for a proof; raise Refused with every fault."""
    faults = list(_faults(message, proof))
    if faults:
        raise refused(faults)
    ctx = rehearsing.sample_ctx(message) if proof.ctx is None else proof.ctx
    event_type = message.event_type
    try:
        return proofing.request_proof(
            message,
            language=proof.language or message.default_language,
            sample=Sample(ctx=ctx, event_type=event_type.name if event_type else ""),
            sample_label="Given by the API" if proof.ctx is not None else "Sample",
            recipients=[(each.address, each.name) for each in proof.recipients],
            asking=asking,
        )
    except proofing.ProofRefused:
        # Why may hold values of the context; a preview shows it.
        sentence = (
            "The draft cannot be rendered with this context; its preview with the same "
            "ctx says why."
        )
        fault = Fault("/ctx", "cannot_be_rendered", sentence)
        raise refused([fault]) from None


def _faults(message: Message, proof: ProofIn) -> list[Fault]:
    faults: list[Fault] = []
    if proof.language is not None and proof.language not in message.content:
        known = ", ".join(message.content)
        sentence = f"/language must be one that this message has: {known}."
        faults.append(Fault("/language", "invalid_choice", sentence))
    for at, recipient in enumerate(proof.recipients):
        place = f"/recipients/{at}/address"
        try:
            proofing.checked_address(message.channel, recipient.address)
        except BadAddress as bad:
            why = _ELSEWHERE if bad.code == "domain_not_allowed" else str(bad)
            faults.append(Fault(place, bad.code, f"{place} {why}."))
    return faults
