"""Amounts of the demo shop: decimals of one currency, rounded as its coins ask.

Knows no events and no formatting for readers; `text` is the form of the API.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True, slots=True)
class Money:
    """Arithmetic in one currency; `decimals` are its minor digits (JPY 0, KWD 3)."""

    units_per_euro: str
    decimals: int

    def from_euros(self, euros: str) -> Decimal:
        """Return a price list's euros in this currency."""
        return self._round(Decimal(euros) * Decimal(self.units_per_euro))

    def times(self, price: Decimal | str, quantity: int) -> Decimal:
        """Return the price of several."""
        return self._round(Decimal(price) * quantity)

    def share(self, amount: Decimal, percent: str) -> Decimal:
        """Return a percentage of an amount, halves rounded up."""
        return self._round(amount * Decimal(percent) / 100)

    def sum(self, amounts: Iterable[str]) -> Decimal:
        """Return the sum of amounts written as `text` writes them."""
        return sum((Decimal(amount) for amount in amounts), Decimal(0))

    def text(self, amount: Decimal) -> str:
        """Return the amount as the API wants it: a plain decimal string."""
        return f"{self._round(amount):f}"

    def _round(self, amount: Decimal) -> Decimal:
        return amount.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)
