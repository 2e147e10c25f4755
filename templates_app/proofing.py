"""Proofs: requests for real sends of unpublished content, and what became of each.

The only writer of proofs. A request freezes content, data and time, so that an edit in
the meantime changes nothing; sending happens further up, where the channels are. Each
recipient is marked in a commit of its own before it is sent to, and whoever takes over
a proof never repeats what was marked: one may be lost, and says so, but not doubled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import JSONField, Max, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Now
from django.utils import timezone

from events import addresses, doorbell, strict_json
from events.models import Channel
from templates_app import content_blocks, snapshots
from templates_app.models import Message, Proof, ProofRecipient, ProofStatus, Template
from templates_app.rendering import (
    RenderContext,
    RenderedMessage,
    RenderError,
    compile_content,
    program,
)
from templates_app.rendering.content import Content
from templates_app.simulation import NOBODY, Sample, context_of

MAX_RECIPIENTS = 10
# Who sends a proof says so before each recipient; later than this it is held dead.
STALE_SECONDS = 30
MAYBE_SENT = (
    "It may have been sent: the worker was gone before it wrote down what became of "
    "it. It is not repeated by itself."
)
_MARKED_PARTS = {Channel.EMAIL: "subject", Channel.SMS: "text", Channel.PUSH: "title"}
_ANSWER_LENGTH = 500
_NAME_LENGTH = 120

Draft = Message | Template
Recipient = tuple[str, str]
"""An address and a name."""


class ProofRefused(Exception):
    """A proof cannot be requested; `problems` say each reason in a sentence."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = list(problems)


class KeyReused(Exception):
    """The key of an earlier request of the same source came with another request."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A calling system that asks for a proof, and what it knows its request by.

    The same `key` with the same `fingerprint` of what is asked for is one request;
    an empty key is none.
    """

    source_id: int
    key: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Content of one language, compiled and rendered once, with what it was made of.

    `message` has no mark and is addressed to nobody.
    """

    compiled: dict[str, Any]
    context: RenderContext
    message: RenderedMessage


def prepare(draft: Draft, *, language: str, sample: Sample) -> Prepared:
    """Return what a proof of a draft as saved would send now; raise ProofRefused."""
    if language not in draft.content:
        raise ProofRefused([f"It has no content in the language {language}."])
    about, now = snapshots.about(draft), timezone.now()
    context = context_of(sample, about=about, at=now, language=language)
    try:
        compiled = _compiled(draft, language)
        message = program(draft.channel, compiled).render(
            context, delivery_id=NOBODY, address=""
        )
    except RenderError as error:
        raise ProofRefused([f"It cannot be rendered: {error}"]) from error
    return Prepared(compiled, context, message)


def request_proof(
    draft: Draft,
    *,
    language: str,
    sample: Sample,
    sample_label: str,
    recipients: Sequence[Recipient],
    requested_by: AbstractBaseUser | None = None,
    number: int | None = None,
    asking: Asking | None = None,
) -> Proof:
    """Store a request for proofs of a draft as saved, and ring for a worker.

    `recipients` are addresses on the draft's channel with names. Raise ProofRefused
    with every reason: an address, or content that does not render. With the `number`
    that somebody confirmed, the same confirmation once more returns the same proof;
    so does the key of `asking`, of which the twin waits for the first.
    """
    if asking is not None and (asked := earlier(asking)):
        return asked
    checked = checked_recipients(draft.channel, recipients)
    prepared = prepare(draft, language=language, sample=sample)
    try:
        with transaction.atomic():
            rows = type(draft)._default_manager.select_for_update(of=("self",))
            row = rows.get(pk=draft.pk)
            theirs = row.proofs.filter(requested_by_id=_pk(requested_by))
            if number is not None and (same := theirs.filter(number=number).first()):
                return same
            if asking is not None and (asked := earlier(asking)):
                return asked
            proof = Proof(
                number=next_number(row),
                language=language,
                sample_label=sample_label[:160],
                content_hash=_hash_of(row, language),
                requested_by_id=_pk(requested_by),
                **_as_columns(asking),
            )
            return _stored(proof, row, prepared, checked)
    except IntegrityError:
        # The same key at the same time for another draft.
        if asking is not None and (asked := earlier(asking)):
            return asked
        raise


def _stored(
    proof: Proof, draft: Draft, prepared: Prepared, recipients: Iterable[Recipient]
) -> Proof:
    """Write a proof of a draft with what it is made of, and ring for it."""
    proof.message = draft if isinstance(draft, Message) else None
    proof.template = draft if isinstance(draft, Template) else None
    proof.channel = draft.channel
    proof.compiled = prepared.compiled
    proof.context = _as_json(prepared.context)
    proof.frozen_at = prepared.context.frozen_at
    proof.save(force_insert=True)
    ProofRecipient.objects.bulk_create(
        ProofRecipient(proof=proof, address=address, name=name)
        for address, name in recipients
    )
    doorbell.ring_authors_on_commit()
    return Proof.objects.get(pk=proof.pk)


def earlier(asking: Asking) -> Proof | None:
    """Return the proof that a source got by a key; raise KeyReused."""
    if not asking.key:
        return None
    proofs = Proof.objects.filter(
        source_id=asking.source_id, idempotency_key=asking.key
    )
    proof = proofs.first()
    if proof is not None and proof.request_hash != asking.fingerprint:
        raise KeyReused
    return proof


def next_number(draft: Draft) -> int:
    """Return the number that the next proof of a draft gets."""
    last: int = draft.proofs.aggregate(last=Max("number"))["last"] or 0
    return last + 1


def checked_recipients(
    channel: str, recipients: Sequence[Recipient]
) -> list[Recipient]:
    """Return recipients in the form that is kept, each address once.

    Raise ProofRefused with a sentence for each address that cannot be used.
    """
    found: dict[str, tuple[str, str]] = {}
    problems: list[str] = []
    for typed, name in recipients:
        try:
            address = checked_address(channel, typed.strip())
        except addresses.BadAddress as error:
            problems.append(f"{typed.strip()[:80] or 'An address'} {error}.")
        else:
            found.setdefault(address.lower(), (address, name.strip()[:_NAME_LENGTH]))
    if not found and not problems:
        problems.append("Choose or type at least one address.")
    if len(found) > MAX_RECIPIENTS:
        problems.append(
            f"These are {len(found)} addresses; a proof goes to {MAX_RECIPIENTS} at "
            "most."
        )
    if problems:
        raise ProofRefused(problems)
    return list(found.values())


def marked(message: RenderedMessage, number: int) -> RenderedMessage:
    """Return a message that says that it is a proof, before its first words."""
    part = _MARKED_PARTS[Channel(message.channel)]
    text = f"PROOF #{number} {message.parts.get(part, '')}".rstrip()
    return replace(message, parts={**message.parts, part: text})


def changed_since(draft: Draft, proofs: Iterable[Proof]) -> set[int]:
    """Return the numbers of the proofs that would have other content if sent now."""
    proofs = list(proofs)
    hashes: dict[str, str | None] = {}
    for language in {proof.language for proof in proofs}:
        try:
            hashes[language] = _hash_of(draft, language)
        except (KeyError, RenderError):
            hashes[language] = None
    return {
        each.number for each in proofs if hashes[each.language] != each.content_hash
    }


# --- what a worker does with a proof, row by row


def waiting() -> QuerySet[Proof]:
    """Return the proofs that a worker may take now: new ones, and those of the dead."""
    long_ago = Now() - timedelta(seconds=STALE_SECONDS)
    return Proof.objects.filter(
        Q(status=ProofStatus.QUEUED)
        | Q(status=ProofStatus.SENDING, begun_at__lt=long_ago)
    )


def claim() -> Proof | None:
    """Take the proof that waits longest, None if none does.

    What a predecessor was sending when it died ends as failed: it may have been sent.
    """
    with transaction.atomic():
        rows = waiting().select_for_update(skip_locked=True).order_by("created_at")
        proof = rows.first()
        if proof is None:
            return None
        proof.recipients.filter(status=ProofStatus.SENDING).update(
            status=ProofStatus.FAILED, answer=MAYBE_SENT
        )
        Proof.objects.filter(pk=proof.pk).update(
            status=ProofStatus.SENDING, begun_at=Now()
        )
        proof.refresh_from_db(fields=["status", "begun_at"])
    return proof


def mark(proof: Proof, recipient: ProofRecipient) -> bool:
    """Note that a recipient is sent to, and that we live; False: send nothing.

    False when somebody else has taken the proof over.
    """
    with transaction.atomic():
        ours = Proof.objects.filter(pk=proof.pk, begun_at=proof.begun_at)
        if not ours.update(begun_at=Now()):
            return False
        proof.refresh_from_db(fields=["begun_at"])
        rows = ProofRecipient.objects.filter(pk=recipient.pk, status=ProofStatus.QUEUED)
        return bool(rows.update(status=ProofStatus.SENDING))


def record(
    recipient: ProofRecipient,
    *,
    is_sent: bool,
    answer: str,
    digest: bytes | None = None,
    at: datetime | None = None,
) -> None:
    """Write what became of a recipient that was marked; `at` is when it was sent."""
    rows = ProofRecipient.objects.filter(pk=recipient.pk, status=ProofStatus.SENDING)
    rows.update(
        status=ProofStatus.SENT if is_sent else ProofStatus.FAILED,
        answer=answer[:_ANSWER_LENGTH],
        digest=digest,
        sent_at=(at or timezone.now()) if is_sent else None,
    )


def settle(proof: Proof) -> None:
    """End a proof of which every recipient has ended; else let the next one have it."""
    with transaction.atomic():
        ours = Proof.objects.filter(pk=proof.pk, begun_at=proof.begun_at)
        if ours.select_for_update().first() is None:
            return
        statuses = set(proof.recipients.values_list("status", flat=True))
        if ProofStatus.QUEUED in statuses:
            ours.update(status=ProofStatus.QUEUED)
            return
        is_sent = statuses == {ProofStatus.SENT}
        status = ProofStatus.SENT if is_sent else ProofStatus.FAILED
        ours.update(status=status, finished_at=Now())


def context_for(proof: Proof) -> RenderContext:
    """Return what a proof is rendered with, its numbers as they were given."""
    rows = Proof.objects.filter(pk=proof.pk)
    text = rows.values_list(Cast("context", TextField()), flat=True).get()
    return RenderContext(
        **strict_json.read(text),
        frozen_at=proof.frozen_at,
        content_language=proof.language,
    )


def _as_columns(asking: Asking | None) -> dict[str, Any]:
    if asking is None:
        return {}
    return {
        "source_id": asking.source_id,
        "idempotency_key": asking.key,
        "request_hash": asking.fingerprint if asking.key else "",
    }


def _pk(user: AbstractBaseUser | None) -> int | None:
    return user.pk if user else None


def _compiled(draft: Draft, language: str) -> dict[str, Any]:
    content = draft.content[language]
    blocks = content_blocks.texts_for({language: content})
    return compile_content(draft.channel, content, blocks=blocks)


def _hash_of(draft: Draft, language: str) -> str:
    content = Content.from_json(draft.content[language]).to_json()
    blocks = content_blocks.texts_for({language: draft.content[language]})
    used = {name: [block.html, block.text] for name, block in blocks.items()}
    canonical = json.dumps([content, used], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _as_json(context: RenderContext) -> Cast:
    """Return data for a column; Django would write a fraction with other digits."""
    roots = ("ctx", "recipient", "event", "message", "metadata", "profile")
    text = strict_json.dumps({name: getattr(context, name) for name in roots})
    return Cast(Value(text, output_field=TextField()), JSONField())


def checked_address(channel: str, typed: str) -> str:
    """Return an address that proofs may go to as it is kept; raise BadAddress."""
    if channel == Channel.SMS:
        return addresses.phone(typed)
    if channel == Channel.PUSH:
        platform, _, token = typed.partition(":")
        if not token:
            raise addresses.BadAddress(
                "invalid_push_token",
                "has no platform: write it before the token, as in fcm:TOKEN",
            )
        addresses.push_token(platform, token)
        return typed
    address = addresses.email(typed)
    domains = [domain.lower() for domain in settings.TXMSG_PROOF_DOMAINS]
    domain = address.rpartition("@")[2].lower()
    if domains and domain not in domains:
        raise addresses.BadAddress(
            "domain_not_allowed",
            f"is not at {', '.join(domains)}, and proofs go nowhere else: choose "
            f"another address, or have {domain} added to TXMSG_PROOF_DOMAINS",
        )
    return address
