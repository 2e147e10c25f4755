"""The mail of the benchmark: an order confirmation, the same for all that send it.

20 variables, a loop over 5 items, 2 conditionals, 8 amounts of money and a date: 10 KB
of HTML, a short text and a subject. Knows nothing of whoever sends it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent

CONTENT: dict[str, Any] = {
    "subject": (
        "Order {{ ctx.order.number }} is confirmed: "
        "{{ ctx.order.total | money: ctx.order.currency }}"
    ),
    "source_kind": "html",
    "source": (_HERE / "mail.html").read_text(),
    "text": (_HERE / "mail.txt").read_text(),
    "from_name": "Example shop",
    "from_address": "orders@shop.example.com",
    "reply_to": "service@shop.example.com",
}
"""The content of one language, as an editor saves it."""

_TEXT: dict[str, Any] = {"type": "string", "maxLength": 200}
_AMOUNT: dict[str, Any] = {"type": "number"}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }


CONTRACT: dict[str, Any] = _object(
    shop=_object(name=_TEXT, email=_TEXT),
    customer=_object(id=_TEXT, first_name=_TEXT, last_name=_TEXT),
    order=_object(
        number=_TEXT,
        placed_at=_TEXT,
        currency=_TEXT,
        is_gift={"type": "boolean"},
        gift_note=_TEXT,
        subtotal=_AMOUNT,
        discount=_AMOUNT,
        shipping=_AMOUNT,
        tax=_AMOUNT,
        total=_AMOUNT,
    ),
    items={
        "type": "array",
        "maxItems": 50,
        "items": _object(
            sku=_TEXT, name=_TEXT, quantity={"type": "integer"}, price=_AMOUNT
        ),
    },
    address=_object(name=_TEXT, street=_TEXT, postcode=_TEXT, city=_TEXT),
    delivery=_object(carrier=_TEXT, tracking_url=_TEXT),
)
"""The contract of the event that the mail answers; strict."""

_ARTICLES = (
    "Teapot, stoneware, 1.2 l",
    "Tea strainer & saucer",
    "Darjeeling first flush 250 g",
    "Cups, set of four",
    "Kettle, gooseneck, steel",
)


def context(number: int) -> dict[str, Any]:
    """Return the `ctx` of an event, about 1.1 KB as JSON; each number another one."""
    items: list[dict[str, Any]] = [
        {
            "sku": f"T-{1000 + (number * 7 + place) % 9000}",
            "name": article,
            "quantity": 1 + (number + place) % 3,
            "price": round(8.9 + (number * 13 + place * 29) % 40 + place / 10, 2),
        }
        for place, article in enumerate(_ARTICLES)
    ]
    subtotal = round(sum(item["quantity"] * item["price"] for item in items), 2)
    discount = round(-subtotal / 10, 2)
    total = round(subtotal + discount + 4.9, 2)
    return {
        "shop": {"name": "Example shop", "email": "service@shop.example.com"},
        "customer": {
            "id": f"C-{number % 50_000:05d}",
            "first_name": f"Customer{number % 1000}",
            "last_name": "O'Example",
        },
        "order": {
            "number": f"A-{number:08d}",
            "placed_at": f"2026-11-{1 + number % 28:02d}T10:{number % 60:02d}:00Z",
            "currency": "EUR",
            "is_gift": True,
            "gift_note": "Enjoy it, and put the kettle on for us!",
            "subtotal": subtotal,
            "discount": discount,
            "shipping": 4.9,
            "tax": round(total * 0.19 / 1.19, 2),
            "total": total,
        },
        "items": items,
        "address": {
            "name": f"Customer{number % 1000} O'Example",
            "street": f"{1 + number % 200} Example Street",
            "postcode": f"{10_000 + number % 80_000}",
            "city": "Sample-on-Sea",
        },
        "delivery": {
            "carrier": "Example Parcel",
            "tracking_url": f"https://track.example.com/p/{number:010d}?lang=en&src=mail",
        },
    }
