"""How a hidden value reads in a context that was masked before it came here."""

from __future__ import annotations

MASK = "••••"
"""The same text as `events.masking.MASK`, which rendering must not know."""
