"""What every test has: cheap password hashing, and a running installation to share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from django.conf import settings

from tests import drill


def pytest_configure(config: pytest.Config) -> None:
    """Make users cheap (the default hasher is slow), and collect garbage rarely."""
    # Else each test client reads all static files anew.
    settings.WHITENOISE_AUTOREFRESH = True
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def running(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[drill.Installation]:
    """`up` as users run it, once for all tests that need it whole."""
    with drill.installation(tmp_path_factory.mktemp("drill") / "home") as made:
        yield made
