"""Proofs of a draft: who gets one, confirmed; what became of it; all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.utils import timezone
from django.utils.formats import date_format

from events.models import Channel
from templates_app import proofing, samples
from templates_app.admin.frame import Draft, DraftPages, View, editor_of, posted
from templates_app.forms.proofs import ADDRESS_FIELDS, ProofForm
from templates_app.models import (
    Message,
    Proof,
    ProofRecipient,
    ProofStatus,
    TestProfile,
)
from templates_app.simulation import Sample

PERMISSION = "templates_app.proof_message"
# A worker is rung at once; when none has come by then, people want to know why.
LATE = timedelta(seconds=5)
_SHOWN = 100
_PROFILES = 50
_TONES = {
    ProofStatus.QUEUED: "neutral",
    ProofStatus.SENDING: "info",
    ProofStatus.SENT: "good",
    ProofStatus.FAILED: "bad",
}


def proof_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Ask who gets a proof, show what is sent, and send it once it is confirmed."""
    draft: Draft = admin.draft(request, pk)
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    sample, language = _chosen(request, draft)
    form = _form(request, draft)
    context = {
        "title": f"Send proof: {draft.label}",
        "form": form,
        "language": language,
        "sample_label": sample.label,
        "query": request.GET.urlencode(),
        "not_sent": admin.not_sent(draft.channel),
        "domains": settings.TXMSG_PROOF_DOMAINS,
        "most": proofing.MAX_RECIPIENTS,
    }
    try:
        context |= _what_is_sent(draft, language=language, sample=sample)
        if request.method == "POST" and form.is_valid():
            recipients = proofing.checked_recipients(draft.channel, form.recipients())
            if "_confirm" in request.POST:
                proof = proofing.request_proof(
                    draft,
                    language=language,
                    sample=sample,
                    sample_label=sample.label,
                    recipients=recipients,
                    requested_by=editor_of(request),
                    number=_number(request.POST.get("number", "")),
                )
                admin.log_change(request, draft, f"Requested proof {proof.number}.")
                return HttpResponseRedirect(admin.url("proof_log", pk, proof.number))
            if "_back" not in request.POST:
                context |= {"recipients": recipients, "posted": _as_posted(form)}
    except proofing.ProofRefused as refused:
        context["problems"] = refused.problems
    status = 422 if "problems" in context else 200
    return admin.answer(request, "proof.html", context, draft=draft, status=status)


def proofs_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """List the proofs of a draft, the newest first."""
    draft: Draft = admin.draft(request, pk)
    proofs = (
        draft.proofs.select_related("requested_by", "source")
        .defer("compiled", "context")
        .annotate(
            asked=Count("recipients"),
            sent=Count("recipients", filter=Q(recipients__status=ProofStatus.SENT)),
        )
        .order_by("-number")[:_SHOWN]
    )
    changed = proofing.changed_since(draft, proofs)
    context = {
        "title": f"Proofs: {draft.label}",
        "proofs": [
            {**_listed(admin, draft, proof), "has_changed": proof.number in changed}
            for proof in proofs
        ],
        "may_proof": request.user.has_perm(PERMISSION),
    }
    return admin.answer(request, "proofs.html", context, draft=draft)


def proof_log_view(
    admin: DraftPages, request: HttpRequest, pk: int, number: int
) -> HttpResponse:
    """Show what became of a proof, recipient by recipient."""
    draft: Draft = admin.draft(request, pk)
    proof = _proof(draft, number)
    recipients = list(proof.recipients.order_by("pk"))
    context = {
        "title": f"Proof {number}: {draft.label}",
        "proof": proof,
        "state": _state(proof, recipients),
        "rows": [
            {
                "recipient": each,
                "inbox_url": admin.inbox_of(request, draft.channel, each.address),
            }
            for each in recipients
        ],
        "state_url": admin.url("proof_state", pk, number),
        "has_changed": bool(proofing.changed_since(draft, [proof])),
        "may_proof": request.user.has_perm(PERMISSION),
    }
    return admin.answer(request, "proof_log.html", context, draft=draft)


def proof_state_view(
    admin: DraftPages, request: HttpRequest, pk: int, number: int
) -> HttpResponse:
    """Answer where a proof and its recipients stand, as JSON; asked each second."""
    proof = _proof(admin.draft(request, pk), number)
    return JsonResponse(_state(proof, proof.recipients.order_by("pk")))


STEPS: Mapping[str, View] = {
    "proof": proof_view,
    "proofs": proofs_view,
    "proof_log/<int:number>": proof_log_view,
    "proof_state/<int:number>": proof_state_view,
}


def _chosen(request: HttpRequest, draft: Draft) -> tuple[Sample, str]:
    """Return the sample and the language that the address names, or the first."""
    event_type = draft.event_type if isinstance(draft, Message) else None
    key = request.GET.get("sample") or samples.default_key(draft, event_type)
    language = request.GET.get("language") or draft.default_language
    try:
        return samples.load(key, draft, event_type), language
    except samples.Unknown as error:
        raise Http404("There is no such sample any more.") from error


def _form(request: HttpRequest, draft: Draft) -> ProofForm:
    """Return the form with the addresses that this person can choose from."""
    channel = Channel(draft.channel)
    field = ADDRESS_FIELDS[channel]
    fitting = Q(event_type=None)
    if isinstance(draft, Message) and draft.event_type_id:
        fitting |= Q(event_type=draft.event_type_id)
    profiles = TestProfile.objects.filter(fitting).exclude(**{field: ""})
    return ProofForm(
        posted(request),
        channel=channel,
        own_address=str(getattr(request.user, field, "")),
        profiles=list(profiles[:_PROFILES]),
        initial={"to_me": True},
    )


def _what_is_sent(draft: Draft, *, language: str, sample: Sample) -> dict[str, Any]:
    prepared = proofing.prepare(draft, language=language, sample=sample)
    number = proofing.next_number(draft)
    message = proofing.marked(prepared.message, number)
    return {"message": message, "number": number}


def _as_posted(form: ProofForm) -> list[tuple[str, str]]:
    """Return the form's values for hidden fields, so that they are posted once more."""
    return [
        (name, value)
        for name in form.fields
        for value in form.data.getlist(name)  # type: ignore[attr-defined]
    ]


def _number(posted: str) -> int | None:
    """Return the number of the proof that was confirmed, if the form says it."""
    return int(posted) if re.fullmatch(r"[0-9]{1,9}", posted) else None


def _proof(draft: Draft, number: int) -> Proof:
    proof: Proof | None = draft.proofs.filter(number=number).first()
    if proof is None:
        raise Http404("There is no such proof.")
    return proof


def _listed(admin: DraftPages, draft: Draft, proof: Any) -> dict[str, Any]:
    return {
        "proof": proof,
        **_standing(proof, sent=proof.sent, asked=proof.asked),
        "url": admin.url("proof_log", draft.pk, proof.number),
    }


def _state(proof: Proof, recipients: Iterable[ProofRecipient]) -> dict[str, Any]:
    """Return ``{"status", "label", "tone", "is_open", "is_late", "recipients": […]}``.

    A recipient is ``{"id", "label", "tone", "answer", "sent_at"}``.
    """
    recipients = list(recipients)
    sent = sum(each.status == ProofStatus.SENT for each in recipients)
    is_open = proof.status in (ProofStatus.QUEUED, ProofStatus.SENDING)
    is_queued = proof.status == ProofStatus.QUEUED
    return {
        "status": proof.status,
        **_standing(proof, sent=sent, asked=len(recipients)),
        "is_open": is_open,
        "is_late": is_queued and timezone.now() - proof.created_at > LATE,
        "recipients": [
            {
                "id": each.pk,
                "label": str(ProofStatus(each.status).label),
                "tone": _TONES[ProofStatus(each.status)],
                "answer": each.answer,
                "sent_at": _moment(each),
            }
            for each in recipients
        ],
    }


def _standing(proof: Proof, *, sent: int, asked: int) -> dict[str, str]:
    """Return where a proof stands in words, and their colour."""
    status = ProofStatus(proof.status)
    if status == ProofStatus.FAILED and sent:
        return {"label": f"{sent} of {asked} sent", "tone": "warn"}
    return {"label": str(status.label), "tone": _TONES[status]}


def _moment(recipient: ProofRecipient) -> str:
    if recipient.sent_at is None:
        return "–"
    return date_format(timezone.localtime(recipient.sent_at), "j M Y, H:i:s")
