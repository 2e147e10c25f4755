"""Rendered messages side by side: the panes of a page, and the frames inside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from events.models import Channel, EventType
from templates_app import differences, framing, trials
from templates_app.differences import FieldDifference
from templates_app.models import Message
from templates_app.trials import Subject, Trial


@dataclass(frozen=True, slots=True)
class Pane:
    """One side: its title, what was rendered, and the address of its HTML."""

    title: str
    trial: Trial
    size: str
    frame_url: str = ""

    @property
    def parts(self) -> dict[str, str]:
        """The parts of the message; none when it could not be rendered."""
        return self.trial.message.parts if self.trial.message else {}


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two panes, and what differs between their parts; of HTML only whether it does."""

    panes: list[Pane]
    differs: list[FieldDifference] = field(default_factory=list)
    html_differs: bool = False


def pane(channel: str, title: str, trial: Trial, *, frame_url: str = "") -> Pane:
    """Return one side of a page; only an email that rendered has a frame."""
    has_frame = channel == Channel.EMAIL and trial.message is not None
    return Pane(
        title=title,
        trial=trial,
        size=trials.size_in_words(channel, trial.size),
        frame_url=frame_url if has_frame else "",
    )


def beside(*panes: Pane) -> SideBySide:
    """Return panes with what differs between the first and the last."""
    first, last = dict(panes[0].parts), dict(panes[-1].parts)
    if not first or not last:
        return SideBySide(list(panes))
    # Rendered HTML has no lines that mean anything: it is looked at, not read.
    html_differs = first.pop("html", "") != last.pop("html", "")
    differs = differences.between({"": first}, {"": last})
    return SideBySide(list(panes), differs, html_differs)


def hidden(subject: Subject, message: Message, *more: list[str]) -> Subject:
    """Return a subject with the values hidden that its event type calls sensitive."""
    event_type: EventType | None = message.event_type
    own = event_type.sensitive_paths if event_type else []
    return trials.masked(subject, sorted({*own, *(p for paths in more for p in paths)}))


def frame(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Return the HTML of a trial alone, shut in wherever it is opened."""
    if trial.message is None or "html" not in trial.message.parts:
        raise Http404("There is no HTML to show.")
    html = framing.framed(trial.message.parts["html"], is_dark="dark" in request.GET)
    headers: dict[str, Any] = {
        "Content-Security-Policy": f"sandbox; {framing.FRAME_POLICY}",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "SAMEORIGIN",
    }
    return HttpResponse(html, headers=headers)
