"""What the admin says of what happened: each reason has its sentence and its advice."""

from __future__ import annotations

import pytest

from history import explain
from history.models import Reason


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_its_advice(reason: Reason) -> None:
    """A page of an event must not fail for the reason that its message did."""
    assert explain.next_step(reason).endswith(".")
    assert str(reason.label).endswith(".")
