"""Request bodies for POST /api/v1/events, as the demo shop would send them.

Everything follows from the arguments: the same time and run give the same forty
bodies. Only `sample_request` looks at the clock. Nothing is posted from here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from txmsg.demo.money import Money

_DATA = Path(__file__).parent / "data"
_SHOP = "https://lindenfold.example"

# Five places of one hand: what a shop's day looks like, critical mail in between.
_PATTERN = (
    "order.confirmed",
    "password.reset",
    "order.shipped",
    "cart.abandoned",
    "order.confirmed",
    "invoice.due",
    "order.shipped",
    "password.reset",
)
_SIZES = (1, 3, 2, 5, 12, 4, 1, 7, 2, 9)
_TAX_RATE = {"USD": "8", "JPY": "10", "INR": "18", "CHF": "8.1", "KWD": "0"}
_CARRIERS = ("Swiftlark Parcel", "Meridian Post", "Greenwheel Couriers")
_PAYMENTS = ("Card ending in 4242", "Bank transfer", "Gift card and card")


def stream(seed_time: datetime, *, run: str) -> list[dict[str, Any]]:
    """Return forty valid request bodies, one for each demo person.

    `seed_time` (aware) is the moment the shop's events lie just before; `run` makes
    every ``external_id`` and ``correlation_id`` its own, at most 100 characters.
    """
    return [
        _request(_PATTERN[n % len(_PATTERN)], person=person, n=n, at=seed_time, run=run)
        for n, person in enumerate(_people())
    ]


def sample_request(type_name: str, *, to: str | None = None) -> dict[str, Any]:
    """Return one valid body of a type, dated now, never the same `external_id` twice.

    `to` replaces the address. Raises `LookupError` for a name that is no demo type.
    """
    if type_name not in _CONTEXTS:
        known = ", ".join(_CONTEXTS)
        message = f"No demo event type {type_name!r}; there are {known}."
        raise LookupError(message)
    body = _request(
        type_name, person=_people()[0], n=1, at=datetime.now(UTC), run=uuid4().hex
    )
    if to is not None:
        body["recipient"]["email"] = to
    return body


def _request(
    type_name: str, *, person: dict[str, str], n: int, at: datetime, run: str
) -> dict[str, Any]:
    recipient = {key: person[key] for key in ("email", "language", "timezone")}
    if person["name"]:
        recipient["name"] = person["name"]
    moment = at.astimezone(UTC).replace(microsecond=0) - timedelta(seconds=n)
    return {
        "type": type_name,
        "recipient": recipient,
        "ctx": _CONTEXTS[type_name](person, n, moment, run),
        "external_id": f"{run}-{n + 1:02d}",
        "correlation_id": f"req-{run}-{n + 1:02d}",
        "origin": "shop",
    }


def _order_confirmed(
    person: dict[str, str], n: int, moment: datetime, run: str
) -> dict[str, Any]:
    money = _money(person)
    items = _items(money, n)
    subtotal = money.sum(item["total"] for item in items)
    discount = money.share(subtotal, "10") if n % 3 == 0 else None
    shipping = money.from_euros("0" if n % 4 == 0 else "4.90")
    taxable = subtotal - (discount or 0) + shipping
    tax = money.share(taxable, _TAX_RATE.get(person["currency"], "20"))
    order: dict[str, Any] = {
        "number": _order_number(n),
        "placed_at": moment.isoformat(),
        "currency": person["currency"],
        "url": f"{_SHOP}/orders/{_order_number(n)}",
        "items": items,
        "subtotal": money.text(subtotal),
        "shipping": money.text(shipping),
        "tax": money.text(tax),
        "total": money.text(taxable + tax),
    }
    if discount is not None:
        order["discount"] = money.text(discount)
    if n % 8 == 4:
        order["note"] = 'Please ring at "Studio", not at the door: the dog is <loud>.'
    return {
        "order": order,
        "delivery": {
            "method": "Express delivery" if n % 2 else "Standard delivery",
            "estimated_on": _day(moment, 2 + n % 4),
            "address": _address(person),
        },
        "payment": {"label": _PAYMENTS[n % len(_PAYMENTS)]},
    }


def _password_reset(
    person: dict[str, str], n: int, moment: datetime, run: str
) -> dict[str, Any]:
    # Derived, not random: a demo run can be repeated and its mails compared.
    secret = hashlib.sha256(f"{run}/{n}".encode()).hexdigest()
    reset = {
        "link": f"{_SHOP}/reset/{secret[:32]}",
        "requested_at": moment.isoformat(),
        "expires_at": (moment + timedelta(minutes=30)).isoformat(),
    }
    if n % 4 == 1:
        reset["code"] = f"{int(secret[32:40], 16) % 1_000_000:06d}"
        reset["device"] = "Firefox on Linux"
        reset["place"] = f"{person['city']}, {person['country']}"
    return {"reset": reset}


def _cart_abandoned(
    person: dict[str, str], n: int, moment: datetime, run: str
) -> dict[str, Any]:
    money = _money(person)
    items = _items(money, n)
    for place, item in enumerate(items):
        item["low_stock"] = place == n % 3
    cart = hashlib.sha256(f"{run}/cart/{n}".encode()).hexdigest()[:12]
    return {
        "cart": {
            "url": f"{_SHOP}/cart/{cart}?from=reminder&step=1",
            "preferences_url": f"{_SHOP}/preferences/{cart}",
            "currency": person["currency"],
            "items": items,
            "subtotal": money.text(money.sum(item["total"] for item in items)),
            "reserved_until": _day(moment, 3),
        }
    }


def _order_shipped(
    person: dict[str, str], n: int, moment: datetime, run: str
) -> dict[str, Any]:
    items = [
        {k: v for k, v in item.items() if k in {"name", "variant", "quantity"}}
        for item in _items(_money(person), n)
    ]
    tracking = f"SL{48_190_273_550 + n * 7_919}"
    shipment: dict[str, Any] = {
        "carrier": _CARRIERS[n % len(_CARRIERS)],
        "tracking_number": tracking,
        "tracking_url": f"https://track.example/{tracking}",
        "shipped_at": moment.isoformat(),
        "estimated_on": _day(moment, 1 + n % 5),
        "address": _address(person),
        "items": items,
    }
    if n % 4 == 2:
        shipment["absence"] = "The parcel waits at your pick-up point for ten days."
    return {"order": {"number": _order_number(n)}, "shipment": shipment}


def _invoice_due(
    person: dict[str, str], n: int, moment: datetime, run: str
) -> dict[str, Any]:
    money = _money(person)
    rates = (_TAX_RATE.get(person["currency"], "20"), "5.5")
    lines = [
        {
            "description": item["name"],
            "quantity": item["quantity"] * 6,
            "unit_price": item["unit_price"],
            "vat_rate": rates[place % 3 == 2],
            "net": money.text(money.times(item["unit_price"], item["quantity"] * 6)),
        }
        for place, item in enumerate(_items(money, n))
    ]
    vat = _vat(money, lines)
    net_total = money.sum(line["net"] for line in lines)
    total = net_total + money.sum(entry["amount"] for entry in vat)
    paid = money.share(total, "25") if n % 16 == 5 else None
    number = f"INV-{moment.year}-{700 + n:04d}"
    invoice: dict[str, Any] = {
        "number": number,
        "issued_on": _day(moment, -14),
        "due_on": _day(moment, 14),
        "currency": person["currency"],
        "billed_to": person["name"] or "Sample Trading",
        "payment_reference": f"LF {700 + n:04d} {moment.year}",
        "lines": lines,
        "net_total": money.text(net_total),
        "vat": vat,
        "total": money.text(total),
        "amount_due": money.text(total - (paid or 0)),
        "pay_url": f"{_SHOP}/invoices/{number}/pay",
        "pdf_url": f"{_SHOP}/invoices/{number}.pdf",
    }
    if paid is not None:
        invoice["paid"] = money.text(paid)
        invoice["purchase_order"] = f"PO-{5500 + n}"
    return {"invoice": invoice}


def _vat(money: Money, lines: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the VAT of invoice lines: one entry for each rate, in their order."""
    entries = []
    for rate in dict.fromkeys(line["vat_rate"] for line in lines):
        base = money.sum(line["net"] for line in lines if line["vat_rate"] == rate)
        amount = money.share(base, rate)
        entries.append(
            {"rate": rate, "base": money.text(base), "amount": money.text(amount)}
        )
    return entries


def _items(money: Money, n: int) -> list[dict[str, Any]]:
    """Return 1 to 12 different articles, priced in the customer's currency."""
    articles = _read("catalogue.json")["articles"]
    items = []
    for place in range(_SIZES[n % len(_SIZES)]):
        article = articles[(n * 3 + place) % len(articles)]
        quantity = 1 + (n + place * 2) % 4
        price = money.from_euros(article["euros"])
        items.append(
            {
                **{k: v for k, v in article.items() if k != "euros"},
                "quantity": quantity,
                "unit_price": money.text(price),
                "total": money.text(money.times(price, quantity)),
            }
        )
    return items


def _address(person: dict[str, str]) -> dict[str, str]:
    place = {key: person[key] for key in ("line1", "postal_code", "city", "country")}
    return {"name": person["name"] or "Reception", **place}


def _order_number(n: int) -> str:
    return f"LF-{20_400 + n}"


def _day(moment: datetime, days: int) -> str:
    return (moment + timedelta(days=days)).date().isoformat()


def _money(person: dict[str, str]) -> Money:
    rates = _read("catalogue.json")
    currency = person["currency"]
    return Money(
        units_per_euro=rates["units_per_euro"][currency],
        decimals=rates["decimals"].get(currency, 2),
    )


def _people() -> list[dict[str, str]]:
    people: list[dict[str, str]] = _read("people.json")
    return people


@cache
def _read(name: str) -> Any:
    return json.loads((_DATA / name).read_text(encoding="utf-8"))


_Context = Callable[[dict[str, str], int, datetime, str], dict[str, Any]]
_CONTEXTS: dict[str, _Context] = {
    "order.confirmed": _order_confirmed,
    "password.reset": _password_reset,
    "cart.abandoned": _cart_abandoned,
    "order.shipped": _order_shipped,
    "invoice.due": _invoice_due,
}
