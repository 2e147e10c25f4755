"""Simulate content: a draft as saved, rendered from any sample, or from all at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from events.models import EventType
from templates_app import (
    checking,
    content_blocks,
    coverage,
    samples,
    simulation,
    snapshots,
)
from templates_app.admin.frame import Draft, DraftPages, View
from templates_app.checking import Finding
from templates_app.framing import (
    FRAME_POLICY,
    FRAME_POLICY_WITHOUT_IMAGES,
    framed,
)
from templates_app.rendering.languages import nearest_language
from templates_app.samples import SampleChoice
from templates_app.simulation import Prepared, Sample, Simulation

PROOF_PERMISSION = "templates_app.proof_message"
# About what a lock screen shows, in characters: title, then text.
_LOCK_SCREENS = (("iOS", 40, 150), ("Android", 42, 50))


@dataclass(frozen=True, slots=True)
class _Scene:
    """What an address asks to see: a sample, and the language it meets.

    `about` is what templates see as the message. `asked` is the language typed in the
    address, `wanted` the recipient's then; `language` is that of the content, by the
    fallback as when it is sent.
    """

    draft: Draft
    about: Mapping[str, Any]
    event_type: EventType | None
    key: str
    sample: Sample
    asked: str
    wanted: str
    language: str
    is_own_language: bool

    @classmethod
    def of(cls, request: HttpRequest, draft: Draft) -> _Scene:
        """Return what a request asks for; raise Http404 for a sample that is gone."""
        event_type: EventType | None = getattr(draft, "event_type", None)
        key = request.GET.get("sample") or "own"
        if key == "own":  # an empty one shows nothing where the type has another
            key = samples.default_key(draft, event_type)
        try:
            sample = samples.load(key, draft, event_type)
        except samples.Unknown:
            raise Http404("There is no such sample any more.") from None
        asked = request.GET.get("language", "").strip()[:35]
        about = snapshots.about(draft)
        return cls.with_sample(draft, about, event_type, key, sample, asked)

    @classmethod
    def with_sample(
        cls,
        draft: Draft,
        about: Mapping[str, Any],
        event_type: EventType | None,
        key: str,
        sample: Sample,
        asked: str,
    ) -> _Scene:
        """Return the scene of a sample, whose recipient speaks the language asked."""
        if asked:
            sample = replace(sample, recipient={**sample.recipient, "language": asked})
        wanted = str(sample.recipient.get("language") or "")
        language, is_own = nearest_language(
            draft.content, wanted, default=draft.default_language
        )
        return cls(
            draft,
            about,
            event_type,
            key,
            sample,
            asked,
            wanted,
            language,
            is_own or not wanted,
        )

    @property
    def query(self) -> str:
        """Return the part of an address that leads here again."""
        asked = {"language": self.asked} if self.asked else {}
        return urlencode({"sample": self.key, **asked})

    def rendered(self, prepared: Prepared) -> Simulation:
        """Render what was prepared for this scene's language."""
        return simulation.rehearse(
            prepared,
            self.sample,
            about=self.about,
            at=timezone.now(),
            language=self.language,
        )


def simulate_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Show a draft as saved, rendered from a sample."""
    draft: Draft = admin.draft(request, pk)
    scene = _Scene.of(request, draft)
    found = scene.rendered(_prepared(draft, scene.language))
    choices = samples.choices_of(draft, scene.event_type)
    edit_url = admin.url("change", pk)
    context = {
        "title": f"Simulate: {draft.label}",
        "tab": "simulate",
        "scene": scene,
        "simulated": found,
        "errors": _placed(found.errors, edit_url, scene.language),
        "findings": _findings(draft, scene.language, edit_url),
        "groups": _grouped(choices),
        "choice": next((each for each in choices if each.key == scene.key), None),
        "event_type": scene.event_type,
        "may_proof": request.user.has_perm(PROOF_PERMISSION),
        **_neighbours(choices, scene),
        **_measures(found),
    }
    return admin.answer(request, "simulate.html", context, draft=draft)


def rendered_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Return the rendered HTML alone, shut in wherever it is opened; or its source.

    The address says how: ``dark``, ``images=0``, ``source``.
    """
    draft: Draft = admin.draft(request, pk)
    scene = _Scene.of(request, draft)
    found = scene.rendered(_prepared(draft, scene.language))
    if found.message is None or "html" not in found.message.parts:
        raise Http404("There is no HTML to show.")
    html = found.message.parts["html"]
    headers = {
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "SAMEORIGIN",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if "source" in request.GET:
        plain = "text/plain; charset=utf-8"
        return HttpResponse(html, content_type=plain, headers=headers)
    with_images = request.GET.get("images") != "0"
    policy = FRAME_POLICY if with_images else FRAME_POLICY_WITHOUT_IMAGES
    headers["Content-Security-Policy"] = f"sandbox; {policy}"
    shown = framed(html, is_dark="dark" in request.GET, with_images=with_images)
    return HttpResponse(shown, headers=headers)


def grid_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Show every sample in every language, rendered at once."""
    draft: Draft = admin.draft(request, pk)
    started = time.perf_counter()
    cards = _cards(draft, edit_url=admin.url("change", pk))
    sections: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for card in cards:
        place = card["choice"].group, card["scene"].language
        sections.setdefault(place, []).append(card)
    failing = sum(1 for card in cards if card["errors"])
    context = {
        "title": f"All samples: {draft.label}",
        "tab": "grid",
        "sections": [(*place, found) for place, found in sections.items()],
        "total": len(cards),
        "failing": failing,
        "good": len(cards) - failing,
        "several_languages": len(draft.content) > 1,
        "milliseconds": round((time.perf_counter() - started) * 1000),
    }
    return admin.answer(request, "grid.html", context, draft=draft)


def _cards(draft: Draft, *, edit_url: str) -> list[dict[str, Any]]:
    """Return every sample rendered in every language; each is compiled once."""
    event_type: EventType | None = getattr(draft, "event_type", None)
    every = samples.all_of(draft, event_type)
    about = snapshots.about(draft)
    cards = []
    for language in _languages(draft):
        prepared = _prepared(draft, language)
        for choice, sample in every:
            scene = _Scene.with_sample(
                draft, about, event_type, choice.key, sample, language
            )
            found = scene.rendered(prepared)
            cards.append(
                {
                    "choice": choice,
                    "scene": scene,
                    "simulated": found,
                    "errors": _placed(found.errors, edit_url, scene.language),
                    "segments": simulation.segments_in_words(found.segments),
                }
            )
    return cards


def coverage_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Show which arms of the draft's conditions and loops no sample reaches."""
    draft: Draft = admin.draft(request, pk)
    with_personas = request.GET.get("personas") == "1"
    asked = request.GET.get("language", "")
    language = asked if asked in draft.content else draft.default_language
    prepared = _prepared(draft, language)
    cases = _cases(draft, language, with_personas=with_personas)
    found = coverage.coverage_of(prepared, cases)
    edit_url = admin.url("change", pk)
    missing: list[dict[str, Any]] = []
    reached: list[dict[str, Any]] = []
    for arm in found.arms:
        place = {"part": arm.part, "line": arm.line, "column": arm.column}
        row = {"arm": arm, "url": _place_url(edit_url, place, language)}
        (reached if arm.reached_by else missing).append(row)
    context = {
        "title": f"Branch coverage: {draft.label}",
        "tab": "coverage",
        "coverage": found,
        "missing": missing,
        "reached": reached,
        "errors": _placed(prepared.errors, edit_url, language),
        "counted": _counted(case.group for case in cases if case.counts),
        "with_personas": with_personas,
        "language": language,
        "languages": _languages(draft),
    }
    return admin.answer(request, "coverage.html", context, draft=draft)


def _cases(draft: Draft, language: str, *, with_personas: bool) -> list[coverage.Case]:
    """Return every sample of a draft in one language; personas count when asked."""
    event_type: EventType | None = getattr(draft, "event_type", None)
    about, at = snapshots.about(draft), timezone.now()
    cases = []
    for choice, sample in samples.all_of(draft, event_type):
        scene = _Scene.with_sample(
            draft, about, event_type, choice.key, sample, language
        )
        context = simulation.context_of(
            scene.sample, about=about, at=at, language=language
        )
        counts = with_personas or choice.group != samples.PERSONAS
        cases.append(coverage.Case(choice.label, choice.group, context, counts))
    return cases


def _counted(groups: Iterable[str]) -> str:
    """Return how many cases there are of each group, in words."""
    words = [
        f"{count} {group.lower() if count > 1 else group.lower().removesuffix('s')}"
        for group, count in Counter(groups).items()
    ]
    return ", ".join(words) or "nothing"


STEPS: Mapping[str, View] = {
    "simulate": simulate_view,
    "rendered": rendered_view,
    "grid": grid_view,
    "coverage": coverage_view,
}


def simulated(
    draft: Draft,
    ctx: dict[str, Any],
    *,
    event_type: EventType | None,
    content: Mapping[str, Any] | None = None,
    language: str = "",
) -> Simulation:
    """Render one language of a draft, with typed content over what is saved."""
    language = language or draft.default_language
    typed = {**draft.content.get(language, {}), **(content or {})}
    return simulation.simulate(
        draft.channel,
        typed,
        Sample(
            ctx=ctx,
            event_type=event_type.name if event_type else "",
            contract=event_type.contract if event_type else None,
        ),
        about=snapshots.about(draft),
        at=timezone.now(),
        language=language,
        blocks=content_blocks.texts_for({language: typed}),
    )


def _prepared(draft: Draft, language: str) -> Prepared:
    content = draft.content.get(language, {})
    blocks = content_blocks.texts_for({language: content})
    return simulation.prepare(draft.channel, content, blocks=blocks)


def _languages(draft: Draft) -> list[str]:
    """Return a draft's languages, the default first."""
    default = draft.default_language
    others = sorted(name for name in draft.content if name != default)
    return [default, *others]


def _grouped(choices: list[SampleChoice]) -> list[tuple[str, list[SampleChoice]]]:
    groups: dict[str, list[SampleChoice]] = {}
    for choice in choices:
        groups.setdefault(choice.group, []).append(choice)
    return list(groups.items())


def _neighbours(choices: list[SampleChoice], scene: _Scene) -> dict[str, Any]:
    """Return the addresses of the samples before and after, around the end."""
    keys = [choice.key for choice in choices]
    if scene.key not in keys:  # an older event
        keys.insert(0, scene.key)
    at = keys.index(scene.key)
    before = replace(scene, key=keys[at - 1])
    after = replace(scene, key=keys[(at + 1) % len(keys)])
    return {
        "before": before.query,
        "after": after.query,
        "position": at + 1,
        "total": len(keys),
    }


def _measures(found: Simulation) -> dict[str, Any]:
    """Return how large it is, in the words of its channel."""
    measures: dict[str, Any] = {
        "kilobytes": found.html_bytes / 1024,
        "clipped_at": simulation.CLIPPED_BYTES,
        "segments": simulation.segments_in_words(found.segments),
        "guilty": simulation.guilty_characters(found.segments),
        "push_most": simulation.PUSH_BYTES,
    }
    if found.message is not None and found.message.channel == "push":
        parts = found.message.parts
        measures["lock_screens"] = [
            {
                "name": name,
                "title": _cut(parts["title"], title),
                "body": _cut(parts["body"], body),
            }
            for name, title, body in _LOCK_SCREENS
        ]
    return measures


def _cut(text: str, limit: int) -> dict[str, str]:
    """Return what a lock screen shows of a text, and what it cuts off."""
    if len(text) <= limit:
        return {"shown": text, "rest": ""}
    return {"shown": text[: limit - 1].rstrip(), "rest": text[limit - 1 :]}


def _findings(draft: Draft, language: str, edit_url: str) -> list[tuple[Finding, str]]:
    """Return what the check says of a language, with the places in the editor."""
    return [
        (finding, _place_url(edit_url, finding.as_dict(), language))
        for finding in checking.check_draft(draft)
        if finding.language in ("", language)
    ]


def _placed(
    errors: Any, edit_url: str, language: str
) -> list[tuple[Mapping[str, Any], str]]:
    """Return errors with the address of their place in the editor."""
    return [(error, _place_url(edit_url, error, language)) for error in errors]


def _place_url(edit_url: str, place: Mapping[str, Any], language: str) -> str:
    named = {name: place.get(name) or "" for name in ("part", "line", "column")}
    return f"{edit_url}?{urlencode({'language': language})}#{urlencode(named)}"
