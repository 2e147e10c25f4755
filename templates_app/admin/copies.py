"""Copies of a draft: a duplicate of its kind, or a template made from a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from templates_app import creating
from templates_app.admin.frame import Draft, DraftPages, View, editor_of, posted
from templates_app.forms import LabelForm
from templates_app.models import Message

_LABEL_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Copy:
    """A way to copy, and how it is asked for."""

    verb: str
    sentence: str
    suffix: str
    makes: str = ""
    """The kind of draft that is made; empty means the same kind."""


DUPLICATE = Copy(
    verb="Duplicate",
    sentence="The copy is a draft of its own: edits of one do not reach the other.",
    suffix="(copy)",
)
TEMPLATE = Copy(
    verb="Save as template",
    sentence="The template takes properties, sample and content; not the event type.",
    suffix="template",
    makes="template",
)


def duplicate_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a label, then copy the draft and open the copy."""
    return _copy_view(admin, request, pk, DUPLICATE, _duplicated)


def template_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a label, then make a template and open it."""
    return _copy_view(admin, request, pk, TEMPLATE, _template)


STEPS: Mapping[str, View] = {"duplicate": duplicate_view}
MESSAGE_STEPS: Mapping[str, View] = {"template": template_view}


def _template(draft: Draft, *, label: str, author: AbstractBaseUser) -> Draft:
    return creating.create_template(source=draft, label=label, author=author)


def _duplicated(draft: Draft, *, label: str, author: AbstractBaseUser) -> Draft:
    if isinstance(draft, Message):
        return creating.duplicate(draft, label=label, author=author)
    return _template(draft, label=label, author=author)


def _copy_view(
    admin: DraftPages,
    request: HttpRequest,
    pk: int,
    copy: Copy,
    make: Callable[..., Draft],
) -> HttpResponse:
    draft = admin.draft(request, pk)
    if not request.user.has_perm(f"templates_app.add_{copy.makes or admin.noun}"):
        raise PermissionDenied
    room = _LABEL_LENGTH - 1 - len(copy.suffix)
    proposal = f"{draft.label[:room]} {copy.suffix}"
    form = LabelForm(posted(request), initial={"label": proposal})
    if request.method == "POST" and form.is_valid():
        made = make(draft, label=form.cleaned_data["label"], author=editor_of(request))
        messages.success(request, f"“{made.label}” is made.")
        name = f"admin:templates_app_{made._meta.model_name}_change"
        return HttpResponseRedirect(reverse(name, args=[made.pk]))
    context = {
        "title": f"{copy.verb}: {draft.label}",
        "verb": copy.verb,
        "sentences": [copy.sentence],
        "form": form,
    }
    return admin.answer(request, "confirm.html", context, draft=draft)
