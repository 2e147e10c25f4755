"""What every test has: cheap password hashing, and a running installation to share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings

from tests import drill


def pytest_configure(config: pytest.Config) -> None:
    """Make users cheap: the default hasher is slow on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def running(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[drill.Installation]:
    """`up` as users run it, once for all tests that need it whole."""
    with drill.installation(tmp_path_factory.mktemp("drill") / "home") as made:
        yield made
