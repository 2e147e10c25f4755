"""The event types of this installation, as the body that posts one of them.

A union told apart by ``type``: each contract stands in it word for word, with the
sample as its example.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from events import batch, catalogue, contract, schemas, strict_json
from events.models import ContractMode, EventType
from events.schemas import EventIn

SCHEMAS = "#/components/schemas/"
ANY, UNION = "AnyEvent", "EventRequest"
STRICT, PERMISSIVE, BATCH = "StrictBatch", "PermissiveBatch", "BatchRequest"

_KEYS = {"minLength": 1, "maxLength": strict_json.MAX_KEY_LENGTH}
_FIELDS: dict[str, dict[str, Any]] = {
    "type": {"description": "The name of an event type."},
    "recipient": {"description": "Who it is for: one recipient, at least one address."},
    "ctx": {
        "description": "The event's data, checked against the contract of its type.",
        "type": "object",
        "propertyNames": _KEYS,
    },
    "external_id": {
        "description": "Your id of the event: the same one of the same type is "
        "accepted once."
    },
    "correlation_id": {"description": "An id for your logs."},
    "origin": {"description": "Where in your system it came from."},
    "channel": {"description": "The channel that is wished; else the type decides."},
    "lane": {
        "description": "How urgent it is; `critical` takes the scope "
        "`events:critical`. Else the type decides."
    },
    "scheduled_at": {"description": "Not before this time, 365 days ahead at most."},
    "expires_at": {"description": "Not after this time; else the type decides."},
    "metadata": {
        "description": "A few plain values of yours, kept with the event.",
        "type": "object",
        "maxProperties": schemas.MAX_METADATA_KEYS,
        "propertyNames": {**_KEYS, "maxLength": schemas.MAX_METADATA_KEY},
        "additionalProperties": {
            "anyOf": [
                {"type": "string", "maxLength": schemas.MAX_METADATA_VALUE},
                {"type": "integer"},
                {"type": "boolean"},
            ]
        },
    },
}
_RECIPIENT: dict[str, dict[str, Any]] = {
    "email": {"format": "email", "maxLength": 254},
    "phone": {"pattern": "^\\+[1-9][0-9]{6,14}$", "description": "In E.164."},
    "push": {"description": "Devices; the first one is sent to."},
    "name": {},
    "language": {
        "pattern": "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$",
        "description": "Such as `fr` or `pt-BR`.",
    },
    "timezone": {"description": "Such as `Europe/Paris`."},
}


def components(event_types: Iterable[EventType]) -> dict[str, Any]:
    """Return the schemas of what is posted, by their names in the document."""
    made = _models()
    variants: dict[str, str] = {}
    for event_type in event_types:
        name = f"{UNION}.{event_type.name}"
        made[f"Contract.{event_type.name}"] = _contract(event_type)
        made[name] = _variant(made[ANY], event_type)
        variants[event_type.name] = f"{SCHEMAS}{name}"
    made[UNION] = _union(variants) if variants else {"$ref": f"{SCHEMAS}{ANY}"}
    return made | _batches()


def examples(event_types: Iterable[EventType]) -> dict[str, Any]:
    """Return, by the name of a type, a body that posts an event of it."""
    return {
        each.name: {"summary": each.label, "value": catalogue.sample_request(each)}
        for each in event_types
    }


def _models() -> dict[str, Any]:
    """Return the event of any type and what it is made of, from the door's models."""
    schema = EventIn.model_json_schema(ref_template=f"{SCHEMAS}{{model}}")
    parts: dict[str, Any] = schema.pop("$defs")
    _tell(schema["properties"], _FIELDS)
    _tell(parts["Recipient"]["properties"], _RECIPIENT)
    parts["Recipient"]["anyOf"] = [
        {"required": [name], "properties": {name: {"type": kind}}}
        for name, kind in (("email", "string"), ("phone", "string"), ("push", "array"))
    ]
    parts["PushDevice"]["properties"]["token"] |= {"minLength": 1, "maxLength": 500}
    return {name: plain(each) for name, each in ({**parts, ANY: schema}).items()}


def _tell(properties: dict[str, Any], more: Mapping[str, dict[str, Any]]) -> None:
    """Add to each field what its model cannot say."""
    for name, facts in more.items():
        field = properties[name]
        rules = {key: value for key, value in facts.items() if key != "description"}
        target = field["anyOf"][0] if "anyOf" in field and rules else field
        target.update(rules)
        if "description" in facts:
            field["description"] = facts["description"]


def plain(schema: Any) -> Any:
    """Return a schema of pydantic's without what says nothing to a reader."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: (
            {name: plain(each) for name, each in value.items()}
            if key in ("properties", "$defs")
            else plain(value)
        )
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
        and not (key == "default" and value is None)
    }


def _variant(any_event: Mapping[str, Any], event_type: EventType) -> dict[str, Any]:
    reference = {"$ref": f"{SCHEMAS}Contract.{event_type.name}"}
    is_strict = event_type.contract_mode == ContractMode.STRICT
    # Otherwise data that miss the contract are taken all the same.
    ctx = reference if is_strict else {"anyOf": [reference, _FIELDS["ctx"]]}
    must = ["type", "recipient"]
    if is_strict and event_type.contract.get("required"):
        must.append("ctx")
    return {
        **any_event,
        "description": event_type.description or event_type.label,
        "required": must,
        "properties": {
            **any_event["properties"],
            "type": {"const": event_type.name, "type": "string"},
            "ctx": ctx,
        },
    }


def _contract(event_type: EventType) -> dict[str, Any]:
    """Return a contract; its references reach into it at its place in the document."""
    if contract.fault_of(event_type.contract) is not None:
        return {"type": "object", "description": "The contract has to be mended."}
    here = f"{SCHEMAS}Contract.{event_type.name}"
    placed: dict[str, Any] = _placed(event_type.contract, here)
    return placed


def _placed(schema: Any, here: str) -> Any:
    if isinstance(schema, list):
        return [_placed(each, here) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: (
            here + value[1:]
            if key == "$ref" and isinstance(value, str) and value.startswith("#")
            else _placed(value, here)
        )
        for key, value in schema.items()
    }


def _union(variants: Mapping[str, str]) -> dict[str, Any]:
    return {
        "description": "An event of one of this installation's types.",
        "oneOf": [{"$ref": reference} for reference in variants.values()],
        "discriminator": {"propertyName": "type", "mapping": dict(variants)},
    }


def _batches() -> dict[str, Any]:
    strict, permissive = batch.MODES
    count = {"minItems": 1, "maxItems": batch.MAX_EVENTS}

    def shape(mode: dict[str, Any], must: list[str], events: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "additionalProperties": False,
            "required": must,
            "properties": {
                "mode": mode,
                "events": {
                    "description": "Each as for `POST /api/v1/events`.",
                    "type": "array",
                    **count,
                    "items": events,
                },
            },
        }

    return {
        STRICT: shape(
            {
                "description": "Unless given: all are taken, or none. Or "
                f"`{permissive}`: each is taken or refused by itself.",
                "const": strict,
                "type": "string",
                "default": strict,
            },
            ["events"],
            {"$ref": f"{SCHEMAS}{UNION}"},
        )
        | {"description": "All events are taken, or none."},
        PERMISSIVE: shape(
            {"const": permissive, "type": "string"},
            ["mode", "events"],
            {"description": "As in a strict batch; what is none is refused by itself."},
        )
        | {"description": "Each event is taken or refused by itself."},
        BATCH: {
            "oneOf": [
                {"$ref": f"{SCHEMAS}{STRICT}"},
                {"$ref": f"{SCHEMAS}{PERMISSIVE}"},
            ]
        },
    }
