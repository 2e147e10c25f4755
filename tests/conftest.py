"""What every test has: cheap password hashing, and a running installation to share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page
from xdist.scheduler import LoadScopeScheduling

from history.recording import executions
from tests import browsing, drill
from txmsg import gate
from txmsg.channels import leaving

# In this order, the long ones first, after all others. The crashes end the
# installation of their process, so that only what needs none may come after them.
_LATE = (
    "test_accessibility.py",
    "test_editor_page.py",
    "test_browser.py",
    "test_event_type_browser.py",
    "test_simulate_browser.py",
    "test_crash.py",
    "test_block_editor.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Make users cheap (the default hasher is slow), and collect garbage rarely."""
    # Else each test client reads all static files anew.
    settings.WHITENOISE_AUTOREFRESH = True
    # What one test left in memory must not answer in the next; nor ring in it.
    settings.TXMSG_INTAKE_CACHE_SECONDS = settings.TXMSG_RING_SECONDS = 0.0
    # On a loaded machine Valkey, too, may take its time.
    for queue in settings.RQ_QUEUES.values():
        queue["URL"] = queue["URL"].replace("timeout=0.1", "timeout=30")
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what needs an installation or a browser late.

    While a browser is open its event loop runs in this thread, and a test that runs
    one of its own would fail.
    """
    items.sort(key=_lateness)


def _lateness(item: pytest.Item) -> int:
    if item.path.name in _LATE:
        return _LATE.index(item.path.name) + 2
    return int(item.get_closest_marker("installation") is not None)


class _InOrder(LoadScopeScheduling):
    """Gives tests to processes in their order, a late module to one of them whole.

    What a module has open, such as an installation, is made once then.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return path if path.rpartition("/")[2] in _LATE else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Have `-n 2` keep to the order above."""
    config.option.loadscopereorder = False
    return _InOrder(config, log)


@pytest.fixture(autouse=True)
def _open_gates() -> Iterator[None]:
    """Let no test wait for a provider that another did not reach."""
    yield
    gate.forget()
    leaving.stay()
    executions.forget()


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
