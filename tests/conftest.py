"""What every test has: cheap password hashing, and a running installation to share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page

from tests import browsing, drill


def pytest_configure(config: pytest.Config) -> None:
    """Make users cheap (the default hasher is slow), and collect garbage rarely."""
    # Else each test client reads all static files anew.
    settings.WHITENOISE_AUTOREFRESH = True
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what needs an installation or a browser late, and what ends it last.

    While a browser is open its event loop runs in this thread, and a test that runs
    one of its own would fail.
    """
    items.sort(key=_lateness)


def _lateness(item: pytest.Item) -> int:
    if item.path.name == "test_crash.py":
        return 2
    return int(item.get_closest_marker("installation") is not None)


@pytest.fixture(scope="session")
def running(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[drill.Installation]:
    """`up` as users run it, once for all tests that need it whole."""
    with drill.installation(tmp_path_factory.mktemp("drill") / "home") as made:
        yield made


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with browsing.chromium() as launched:
        yield launched


@pytest.fixture
def page(browser: Browser, running: drill.Installation) -> Iterator[Page]:
    """A page of somebody who is logged in to the shared installation."""
    with browsing.logged_in(browser, f"http://127.0.0.1:{running.port}") as opened:
        yield opened
