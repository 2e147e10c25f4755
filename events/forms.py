"""The admin's forms of event types and sources: what is checked before it is kept."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.forms import ValidationError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from events import contract, contract_fields, networks
from events.form_fields import ChannelOrderField, JSONTextField, LinesField, SpanField
from events.json_text import placed
from events.models import (
    ContractMode,
    EventType,
    Scope,
    Source,
    all_scopes,
    default_channel_order,
    empty_contract,
)
from events.samples import TYPICAL, NamedSample

EXPIRIES = [
    ("", "Never"),
    ("30", "In 30 days"),
    ("90", "In 90 days"),
    ("365", "In a year"),
]
BACK_FIELD = "_back"
"""Sent with what was typed by somebody who, asked whether to save it, would not."""


def name_problem(name: str, *, of: EventType | None = None) -> str:
    """Return why an event type cannot have a new name; empty if it can.

    `of` is the type that is renamed, if it is there already.
    """
    wrong = sorted(set(re.sub(r"[A-Za-z0-9._-]", "", name)))
    rule = (
        "Use letters, digits, dots, hyphens and underscores, for example "
        "order.confirmed."
    )
    if wrong:
        shown = ", ".join("a blank" if c.isspace() else f"“{c}”" for c in wrong)
        return f"It cannot hold {shown}. {rule}"
    if not name[:1].isalnum():
        return f"It must begin with a letter or a digit. {rule}"
    twins = EventType.objects.filter(name__iexact=name)
    twin = (twins.exclude(pk=of.pk) if of else twins).first()
    if twin is None:
        return ""
    if twin.name == name:
        return f"There is an event type “{name}” already."
    return (
        f"There is an event type “{twin.name}” already; names must differ in more "
        "than capital letters."
    )


def _scope_choices(offered: list[str]) -> list[tuple[str, str]]:
    """Return these scopes as choices, in the order in which they are told."""
    return [(str(s.value), str(s.label)) for s in Scope if s.value in offered]


class SampleForm(forms.Form):
    """A further sample of an event type, by name."""

    pk = forms.IntegerField(required=False, widget=forms.HiddenInput())
    name = forms.CharField(max_length=80, widget=UnfoldAdminTextInputWidget())
    ctx = JSONTextField(noun="sample", required=False)

    def clean_name(self) -> str:
        """Return the name; refuse that of the first sample."""
        name: str = self.cleaned_data["name"]
        if name.lower() == TYPICAL.lower():
            raise ValidationError(f"“{TYPICAL}” is the first sample.")
        return name


class _SampleForms(forms.BaseFormSet):  # type: ignore[type-arg]
    """The further samples; no two of one name."""

    def clean(self) -> None:
        """Refuse a name that stands twice."""
        names: set[str] = set()
        for form in self.forms:
            name = form.cleaned_data.get("name", "") if form.is_valid() else ""
            if name and form not in self.deleted_forms:
                if name in names:
                    form.add_error("name", f"There are two samples “{name}”.")
                    raise ValidationError("Two samples have the same name.")
                names.add(name)


SampleForms = forms.formset_factory(
    SampleForm, formset=_SampleForms, extra=0, can_delete=True
)


class EventTypeForm(forms.ModelForm):  # type: ignore[type-arg]
    """An event type; its contract must be one, and its samples must fit it.

    `samples` holds the forms of the further ones. `contract_rows` is the table of
    fields as JSON if it was edited after the schema, and `contract_closed` then says
    whether fields that are not listed are refused.
    """

    contract = JSONTextField(
        noun="contract",
        required=False,
        initial=empty_contract,
        help_text="JSON Schema (2020-12) of what callers send as ctx; empty means any "
        "object.",
    )
    contract_rows = forms.CharField(required=False, widget=forms.HiddenInput())
    contract_closed = forms.ChoiceField(
        choices=[("", ""), ("yes", ""), ("no", "")],
        required=False,
        widget=forms.HiddenInput(),
    )
    contract_mode = forms.ChoiceField(
        label="Events that do not fit",
        choices=ContractMode,
        initial=ContractMode.STRICT,
        widget=forms.RadioSelect(),
    )
    sample = JSONTextField(
        noun="sample",
        required=False,
        initial=dict,
        help_text="An example of ctx; it is used for previews and must fit the "
        "contract.",
    )
    ttl_seconds = SpanField(
        label="Worth sending for",
        initial=5 * 86_400,
        help_text="After this an event that was not sent expires, for example "
        "30 minutes or 5 days. Callers can say otherwise for one event.",
    )
    recipient_limit = forms.IntegerField(
        label="Events to one recipient",
        required=False,
        min_value=1,
        max_value=1_000_000,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="So many of this type within the time beside it; more are refused "
        "(429). Empty means no limit.",
    )
    recipient_limit_seconds = SpanField(
        label="Within",
        required=False,
        initial=3_600,
        help_text="For example 10 minutes or 1 day.",
    )
    sensitive_paths = LinesField(
        required=False,
        help_text="Values that are never shown here, one path a line, for example "
        "reset.link or items[].code.",
    )
    channel_order = ChannelOrderField(
        label="Channels",
        initial=default_channel_order,
        help_text="An event takes the first with a message and an address, unless its "
        "caller names one.",
    )

    class Meta:
        model = EventType
        fields = (
            "name",
            "label",
            "description",
            "kind",
            "contract",
            "contract_mode",
            "sample",
            "sensitive_paths",
            "lane",
            "ttl_seconds",
            "channel_order",
            "fan_out",
            "when_uncovered",
            "recipient_limit",
            "recipient_limit_seconds",
            "retention_days",
            "context_retention_days",
        )
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 2})}
        labels = {
            "when_uncovered": "While nothing is published",
            "fan_out": "Send on every channel",
            "retention_days": "Events are kept for (days)",
            "context_retention_days": "Their data is kept for (days)",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.samples = self._sample_forms()

    def clean_name(self) -> str:
        """Return the name; refuse a new one that is none, or is there already."""
        name: str = self.cleaned_data["name"]
        if name != self.initial.get("name"):
            known = self.instance if self.instance.pk else None
            problem = name_problem(name, of=known)
            if problem:
                raise ValidationError(problem)
        return name

    def clean_contract(self) -> Any:
        """Return the contract; refuse what is no JSON Schema."""
        schema = self.cleaned_data["contract"] or {"type": "object"}
        problem = contract.problem_of(schema)
        if problem:
            raise ValidationError(problem)
        return schema

    def clean_recipient_limit_seconds(self) -> int:
        """Return the time of the limit; an hour unless given."""
        return self.cleaned_data["recipient_limit_seconds"] or 3_600

    def clean(self) -> dict[str, Any]:
        """Check all samples against the contract, as far as they can be read."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("contract") and cleaned.get("contract_rows"):
            self._take_rows(cleaned)
        if self.samples is not None and not self.samples.is_valid():
            self.add_error(None, "A sample cannot be kept as it is: see Samples.")
        schema = cleaned.get("contract")
        if schema and cleaned.get("sample"):
            for problem in self._misfits("sample", cleaned["sample"], schema):
                self.add_error("sample", problem)
        if schema and self.samples is not None and self.samples.is_valid():
            self._check_samples(schema)
        if BACK_FIELD in self.data:
            self.add_error(None, "Nothing is saved yet; what you typed is still here.")
        return cleaned

    def kept_samples(self) -> list[NamedSample] | None:
        """Return the further samples as they were sent; None if none were asked for."""
        if self.samples is None:
            return None
        return [
            NamedSample(data["name"], data["ctx"], data["pk"])
            for form in self.samples.forms
            if (data := form.cleaned_data) and not data.get("DELETE")
        ]

    def _sample_forms(self) -> Any:
        if self.is_bound:
            is_asked = "samples-TOTAL_FORMS" in self.data
            return SampleForms(self.data, prefix="samples") if is_asked else None
        rows = self.instance.samples.order_by("name") if self.instance.pk else ()
        initial = [{"pk": row.pk, "name": row.name, "ctx": row.ctx} for row in rows]
        return SampleForms(initial=initial, prefix="samples")

    def _take_rows(self, cleaned: dict[str, Any]) -> None:
        """Put the table of fields over the schema it was made from."""
        try:
            cleaned["contract"] = contract_fields.with_table(
                cleaned["contract"],
                cleaned["contract_rows"],
                closed=cleaned.get("contract_closed", ""),
            )
        except contract_fields.BadRow as error:
            self.add_error("contract", str(error))

    def _check_samples(self, schema: dict[str, Any]) -> None:
        for form in self.samples.forms:
            data = form.cleaned_data
            if not data or data.get("DELETE"):
                continue
            for problem in self._misfits(f"{form.prefix}-ctx", data["ctx"], schema):
                form.add_error("ctx", problem)
                name = data["name"]
                self.add_error("sample", f"The sample “{name}” does not fit: {problem}")

    def _misfits(self, field: str, sample: Any, schema: dict[str, Any]) -> list[str]:
        text = str(self.data.get(self.add_prefix(field), ""))
        return [
            str(placed(text, fault.pointer.removeprefix("/ctx"), fault.message))
            for fault in contract.faults_of(sample, schema)
        ]


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A calling system: what it may do, and from where."""

    is_active = forms.BooleanField(
        label="Active",
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Switched off, every key of it is refused.",
    )
    scopes = forms.MultipleChoiceField(
        choices=_scope_choices(all_scopes()),
        initial=all_scopes,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="A key can do what both it and its source may do.",
    )
    allowed_types = LinesField(
        required=False,
        label="Event types",
        help_text="The event types it may post, one a line; empty means all.",
    )
    allowed_networks = LinesField(
        required=False,
        label="Networks",
        help_text="Where it may call from, one a line, for example 10.0.0.0/8 or "
        "2001:db8::/32; empty means anywhere.",
    )
    rate_per_minute = forms.IntegerField(
        label="Events a minute",
        required=False,
        min_value=1,
        max_value=10_000_000,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="More are refused (429) until there is room again; empty means no "
        "limit.",
    )

    class Meta:
        model = Source
        fields = (
            "name",
            "description",
            "is_active",
            "scopes",
            "allowed_types",
            "allowed_networks",
            "rate_per_minute",
        )
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 2})}

    def clean_allowed_types(self) -> list[str]:
        """Return the names; refuse those that do not exist."""
        names: list[str] = self.cleaned_data["allowed_types"]
        known = set(
            EventType.objects.filter(name__in=names).values_list("name", flat=True)
        )
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValidationError(
                f"There is no event type of this name: {', '.join(unknown)}."
            )
        return names

    def clean_allowed_networks(self) -> list[str]:
        """Return the networks; refuse what is none."""
        given: list[str] = self.cleaned_data["allowed_networks"]
        for text in given:
            try:
                networks.network(text)
            except ValueError:
                raise ValidationError(
                    f"{text} is no network; write it like 10.0.0.0/8 or 2001:db8::/32."
                ) from None
        return given


class ApiKeyForm(forms.Form):
    """What a new key may do, and for how long."""

    scopes = forms.MultipleChoiceField(
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        error_messages={"required": "Choose at least one."},
    )
    expires_in_days = forms.TypedChoiceField(
        label="Expires",
        choices=EXPIRIES,
        required=False,
        coerce=int,
        empty_value=None,
        initial="",
        widget=UnfoldAdminSelectWidget(),
    )

    def __init__(self, *args: Any, source: Source, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes = self.fields["scopes"]
        if isinstance(scopes, forms.MultipleChoiceField):
            scopes.choices = _scope_choices(source.scopes)
        scopes.initial = list(source.scopes)
