"""The suppression list: who gets nothing, by channel."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import HttpResponse
from ninja import Query, Router, Status
from pydantic import Field

from events.addresses import BadAddress
from events.models import Scope
from events.problems import Fault, rfc3339
from events.schemas import OneLine
from history import suppressions
from history.models import Suppression
from txmsg.api.listing import (
    Paged,
    cursor_of,
    invalid_cursor,
    never_null,
    page_of,
    read_cursor,
)
from txmsg.api.reading import KeyedRequest, KeyWith, Strict, not_found, refused

router = Router(tags=["Suppressions"])

PATH = "/api/v1/suppressions"
_ID = re.compile(r"[1-9][0-9]{0,17}\Z")

ChannelName = Literal["email", "sms", "push"]
ReasonName = Literal["hard_bounce", "complaint", "unsubscribe", "manual"]


class SuppressionIn(Strict):
    """An address that is to get nothing on a channel."""

    channel: ChannelName = Field(description="On which nothing is to be sent to it.")
    address: str = Field(
        min_length=1,
        max_length=512,
        description="An email address, a phone number in E.164, or `platform:token`.",
    )
    reason: ReasonName = Field(default="manual", description="Why; `manual` else.")
    note: OneLine = Field(default="", max_length=1000, description="For people.")


class Asked(Paged):
    """What entries are asked for; what is left out asks for nothing."""

    channel: ChannelName | None = Field(
        default=None, description="Those of a channel.", json_schema_extra=never_null
    )
    reason: ReasonName | None = Field(
        default=None, description="Those with a reason.", json_schema_extra=never_null
    )
    address: str = Field(
        default="", max_length=512, description="Those of an address, in any case."
    )


@router.get("/suppressions", auth=KeyWith(Scope.SUPPRESSIONS_READ))
def list_suppressions(request: KeyedRequest, asked: Query[Asked]) -> dict[str, Any]:
    """The suppression list, those added last first."""
    before = read_cursor(asked.cursor)
    if before and not _ID.match(before):
        raise invalid_cursor()
    found = suppressions.listed(
        channel=asked.channel or "",
        reason=asked.reason or "",
        address=asked.address,
        before=int(before) if before else None,
        limit=asked.limit + 1,
    )
    return page_of(
        [_shown(entry) for entry in found],
        limit=asked.limit,
        cursor=lambda: cursor_of(str(found[asked.limit - 1].pk)),
    )


@router.post(
    "/suppressions",
    auth=KeyWith(Scope.SUPPRESSIONS_WRITE),
    response={201: dict[str, Any], 200: dict[str, Any]},
)
def add_suppression(
    request: KeyedRequest, entry: SuppressionIn, response: HttpResponse
) -> Status[dict[str, Any]]:
    """Put an address on the list: 201, or 200 when it is there already."""
    try:
        address = suppressions.checked(entry.channel, entry.address)
    except BadAddress as bad:
        fault = Fault("/address", bad.code, f"/address {bad}.")
        raise refused([fault]) from None
    added, is_new = suppressions.add(
        channel=entry.channel,
        address=address,
        reason=entry.reason,
        note=entry.note,
        source_id=request.auth.source_id,
    )
    shown = _shown(added)
    response["Location"] = shown["links"]["self"]
    return Status(201 if is_new else 200, shown)


@router.delete(
    "/suppressions", auth=KeyWith(Scope.SUPPRESSIONS_WRITE), response={204: None}
)
def remove_address(
    request: KeyedRequest,
    channel: Annotated[ChannelName, Query(description="The channel.")],
    address: Annotated[
        str,
        Query(min_length=1, max_length=512, description="The address, in any case."),
    ],
) -> Status[None]:
    """Take an address off the list of a channel."""
    found = Suppression.objects.filter(
        channel=channel, address=suppressions.normalized(address)
    )
    return _removed(request, found, "such address on the list of this channel")


@router.get("/suppressions/{suppression_id}", auth=KeyWith(Scope.SUPPRESSIONS_READ))
def get_suppression(request: KeyedRequest, suppression_id: str) -> dict[str, Any]:
    """One entry of the list."""
    entry = _with_id(suppression_id).first()
    if entry is None:
        raise not_found("suppression of this id")
    return _shown(entry)


@router.delete(
    "/suppressions/{suppression_id}",
    auth=KeyWith(Scope.SUPPRESSIONS_WRITE),
    response={204: None},
)
def remove_suppression(request: KeyedRequest, suppression_id: str) -> Status[None]:
    """Take an entry off the list."""
    return _removed(request, _with_id(suppression_id), "suppression of this id")


def _with_id(text: str) -> QuerySet[Suppression]:
    if not _ID.match(text):
        return Suppression.objects.none()
    return Suppression.objects.filter(pk=int(text))


def _removed(
    request: KeyedRequest, entries: QuerySet[Suppression], what: str
) -> Status[None]:
    if not suppressions.remove(entries, source_id=request.auth.source_id):
        raise not_found(what)
    return Status(204, None)


def _shown(entry: Suppression) -> dict[str, Any]:
    return {
        "id": str(entry.pk),
        "channel": entry.channel,
        "address": entry.address,
        "reason": entry.reason,
        "note": entry.note or None,
        "delivery_id": str(entry.delivery_id) if entry.delivery_id else None,
        "created_at": rfc3339(entry.created_at),
        "links": {"self": f"{PATH}/{entry.pk}"},
    }
