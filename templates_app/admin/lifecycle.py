"""A message's way to production: review and publish, pause, resume, unpublish."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages as notes
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils import timezone
from django.utils.formats import date_format

from events.models import Channel, Stage
from templates_app import comparing, publishing, reviewing, shadow, waiting
from templates_app.admin import cells, logbook, shadowing, versions
from templates_app.admin.asking import publishable
from templates_app.admin.frame import DraftPages, View, editor_of, posted
from templates_app.admin.withdrawing import UnpublishForm
from templates_app.forms import NoteForm
from templates_app.models import Message, MessageStatus
from templates_app.rendering import RenderError

_LOG_LINES = 12


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a message's public state, and how it is asked for."""

    verb: str
    act: Callable[..., None]
    sentences: Callable[[Message], list[str]]
    done: str


def _before_pause(message: Message) -> list[str]:
    return [
        "Nothing more is sent from now on.",
        "Events are still accepted and wait. When you resume, they are sent with the "
        "version that is live then, unless they have expired.",
        _until_when(message),
    ]


def _before_resume(message: Message) -> list[str]:
    found = waiting.waiting_for(message, [Stage.PAUSED])
    first = "Sending goes on, beginning with what waited."
    if not found.total:
        return [first, "At the moment nothing waits."]
    is_one = found.total == 1
    words = "1 message waits" if is_one else f"{found.total:,} messages wait"
    until = date_format(timezone.localtime(found.expires_at), "j M Y, H:i")
    return [first, f"{words}; the first would expire at {until}."]


PAUSE = Transition(
    verb="Pause",
    act=publishing.pause,
    sentences=_before_pause,
    done="is paused: events wait.",
)
RESUME = Transition(
    verb="Resume",
    act=publishing.resume,
    sentences=_before_resume,
    done="sends again.",
)


def publish_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Review what stands in the way and what will happen, then publish."""
    message = publishable(admin, request, pk)
    form = NoteForm(posted(request), initial={"note": request.GET.get("note", "")})
    if request.method == "POST" and form.is_valid():
        note = form.cleaned_data["note"]
        try:
            version = publishing.publish(message, author=editor_of(request), note=note)
        except publishing.PublishError as error:
            notes.error(request, f"Not published: {error}")
            return HttpResponseRedirect(admin.url("publish", pk))
        admin.log_change(request, message, f"Published version {version.number}.")
        notes.success(
            request, f"“{message.label}” is live as version {version.number}."
        )
        return HttpResponseRedirect(admin.url("change", pk))
    context = {"form": form, **_review(admin, message)}
    return admin.answer(request, "publish.html", context, draft=message)


def pause_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then pause."""
    return _transition(admin, request, pk, PAUSE)


def resume_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then resume."""
    return _transition(admin, request, pk, RESUME)


def unpublish_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Say what waits, ask what becomes of it, then unpublish.

    Sending what waits first is no withdrawal yet: the message is resumed, and the page
    comes back until nothing waits any more. What was kept can be dropped later.
    """
    message = publishable(admin, request, pk)
    found = waiting.waiting_for(message)
    reasons = admin.drop_reasons()
    is_live = message.status != MessageStatus.DRAFT
    form = UnpublishForm(
        posted(request), reasons=reasons, has_waiting=found.total > 0, is_live=is_live
    )
    if request.method == "POST" and form.is_valid():
        return _unpublish(admin, request, message, form)
    is_sending = "sending" in request.GET and message.status == MessageStatus.PUBLISHED
    context = {
        "title": f"Unpublish: {message.label}",
        "form": form,
        "waiting": found,
        "not_routed": waiting.not_routed_beside(message) if is_live else 0,
        "is_sending": is_sending,
        "is_live": is_live,
    }
    return admin.answer(request, "unpublish.html", context, draft=message)


def waiting_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Return how many messages wait, as JSON."""
    found = waiting.waiting_for(publishable(admin, request, pk))
    return JsonResponse({"total": found.total, "words": found.in_words})


STEPS: Mapping[str, View] = {
    "publish": publish_view,
    "pause": pause_view,
    "resume": resume_view,
    "unpublish": unpublish_view,
    "waiting": waiting_view,
    **shadowing.STEPS,
    **versions.STEPS,
    **logbook.STEPS,
}


def _unpublish(
    admin: DraftPages, request: HttpRequest, message: Message, form: UnpublishForm
) -> HttpResponse:
    actor, note = editor_of(request), form.cleaned_data["note"]
    try:
        if form.sends_first:
            if message.status == MessageStatus.PAUSED:
                publishing.resume(message, actor=actor, note=note)
                admin.log_change(request, message, "Resumed.")
            return HttpResponseRedirect(
                f"{admin.url('unpublish', message.pk)}?sending=1"
            )
        rows = waiting.ids_waiting_for(message) if form.drops else []
        words = ""
        if message.status != MessageStatus.DRAFT:
            publishing.unpublish(message, actor=actor, note=note)
            admin.log_change(request, message, "Unpublished.")
            words = f"“{message.label}” is a draft again; nothing more is sent. "
    except publishing.PublishError as error:
        notes.error(request, str(error))
        return HttpResponseRedirect(admin.url("change", message.pk))
    if form.drops:
        reason = form.cleaned_data["reason"]
        words += _dropped(admin, message, rows, reason=reason, actor=actor)
    if words:
        notes.success(request, words)
    return HttpResponseRedirect(admin.url("change", message.pk))


def _dropped(
    admin: DraftPages,
    message: Message,
    rows: list[UUID],
    *,
    reason: str,
    actor: AbstractBaseUser,
) -> str:
    """Drop what waited, and say what became of it."""
    dropped = admin.drop_waiting(
        rows, channel=message.channel, reason=reason, actor=actor
    )
    words = f"{dropped:,} of the {len(rows):,} that waited were dropped."
    if waiting.waiting_for(message).total:
        words += " Others wait still: open Unpublish again to drop them."
    return words


def _transition(
    admin: DraftPages, request: HttpRequest, pk: int, transition: Transition
) -> HttpResponse:
    message = publishable(admin, request, pk)
    form = NoteForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            transition.act(
                message,
                actor=editor_of(request),
                note=form.cleaned_data["note"],
            )
        except publishing.PublishError as error:
            notes.error(request, str(error))
        else:
            admin.log_change(request, message, f"{transition.verb}.")
            notes.success(request, f"“{message.label}” {transition.done}")
        return HttpResponseRedirect(admin.url("change", pk))
    context = {
        "title": f"{transition.verb}: {message.label}",
        "verb": transition.verb,
        "sentences": transition.sentences(message),
        "form": form,
    }
    return admin.answer(request, "confirm.html", context, draft=message)


def _until_when(message: Message) -> str:
    """Return how long events are kept for a message that is about to pause."""
    event_type = message.event_type
    if event_type is None:
        return ""
    new = timezone.localtime() + timedelta(seconds=event_type.ttl_seconds)
    words = (
        "An event that comes in now waits until "
        f"{date_format(new, 'j M Y, H:i')}, unless it brings its own expiry"
    )
    found = waiting.waiting_for(message)
    if found.expires_at is None:
        return f"{words}."
    first = date_format(timezone.localtime(found.expires_at), "j M Y, H:i")
    return (
        f"{words}. Of the {found.total:,} that wait already, the first until {first}."
    )


def _review(admin: DraftPages, message: Message) -> dict[str, Any]:
    """Return what an author should know before publishing."""
    is_live = message.status != MessageStatus.DRAFT
    event_type = message.event_type
    ready = publishing.assess(message)
    return {
        "title": f"{'Republish' if is_live else 'Publish'}: {message.label}",
        "problems": ready.problems,
        "doubts": [*ready.doubts, *reviewing.left_from_template(message)],
        "is_live": is_live,
        "changed": reviewing.changed_since_live(message) if is_live else [],
        "pills": cells.pills(message),
        "channel_noun": reviewing.NOUNS[Channel(message.channel)],
        "who": reviewing.who_gets_it(event_type, message.channel) if event_type else "",
        "not_sent": admin.not_sent(message.channel),
        "log": message.publication_log.select_related("actor", "version")[:_LOG_LINES],
        **_difference(message),
        **_shadow(admin, message, is_blocked=bool(ready.problems)),
    }


def _difference(message: Message) -> dict[str, Any]:
    """Return what publishing would change, and whether it changes anything."""
    live = message.live_version
    if live is None:
        return {"comparison": None, "is_news": True}
    found = comparing.compare(comparing.state_of(live), comparing.state_of(message))
    is_live = message.status == MessageStatus.PUBLISHED
    return {"comparison": found, "is_news": not (is_live and found.is_same)}


def _shadow(admin: DraftPages, message: Message, *, is_blocked: bool) -> dict[str, Any]:
    """Return where the shadow render of this content stands."""
    try:
        run = shadow.current(message) if not is_blocked else None
    except RenderError:
        run = None
    shown = shadowing.shown(admin, message, run)
    return {
        "shadow": shown,
        "shadow_state": run.status if run else "none",
        "is_proved": bool(run and shadow.is_finished(run)),
        "is_refused": bool(shown.get("failing")),
    }
