"""What happened: types with contracts, sources with keys, events and work."""

from events.models.contracts import (
    ApiKey,
    Channel,
    ContractMode,
    EventSample,
    EventType,
    Lane,
    Scope,
    Source,
    TypeKind,
    WhenUncovered,
    all_scopes,
    default_channel_order,
    empty_contract,
)
from events.models.facts import (
    Event,
    EventContext,
    EventIdentity,
    EventOutcome,
    IdentityKind,
    Stage,
    Work,
)
from events.models.usage import RefusalCount, RefusedRequest, UsageDay

__all__ = [
    "ApiKey",
    "Channel",
    "ContractMode",
    "Event",
    "EventContext",
    "EventIdentity",
    "EventOutcome",
    "EventSample",
    "EventType",
    "IdentityKind",
    "Lane",
    "RefusalCount",
    "RefusedRequest",
    "Scope",
    "Source",
    "Stage",
    "TypeKind",
    "UsageDay",
    "WhenUncovered",
    "Work",
    "all_scopes",
    "default_channel_order",
    "empty_contract",
]
