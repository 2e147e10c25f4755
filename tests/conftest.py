"""What every test has: cheap password hashing, and a running installation to share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page
from xdist.scheduler import LoadScopeScheduling

from history.recording import executions
from tests import browsing, drill, kept_open
from txmsg import gate
from txmsg.channels import leaving

# They share one installation and one Chromium, so one process has them all. The
# crashes end the installation: nothing that needs it may come after them.
_TOGETHER = (
    "test_accessibility.py",
    "test_editor_page.py",
    "test_browser.py",
    "test_event_type_browser.py",
    "test_simulate_browser.py",
    "test_door_wire.py",
    "test_api_page_browser.py",
    "test_crash.py",
)
# Long, too, and need none: for whoever comes next, each module whole. Begun last, they
# would be waited for.
_NEXT = ("test_crashdrill.py", "test_api_fuzzing.py", "test_block_editor.py")

_DJANGO = {"db", "transactional_db", "live_server", "admin_client"}


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


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Run what needs an installation in one go: last, or first with `-n`.

    One process has it then, and is busy with it while the others do the rest. Who runs
    all in one process sees first what is quick to fail.
    """
    marked = {
        item.path.name for item in items if item.get_closest_marker("installation")
    }
    if unlisted := marked - {*_TOGETHER, *_NEXT}:
        message = f"list {', '.join(sorted(unlisted))} in tests/conftest.py"
        raise pytest.UsageError(message)
    _refuse_django_beside_a_browser(items)
    is_parallel = hasattr(config, "workerinput")
    items.sort(key=_place_among_many if is_parallel else _place)


def _refuse_django_beside_a_browser(items: list[pytest.Item]) -> None:
    """Raise for a module that would find the loop of another one's browser running.

    Django asks no database in a thread that has one: such tests fail in company only.
    """
    mixed = {
        item.path.name
        for item in items
        if item.path.name in (*_TOGETHER, *_NEXT)
        and (item.get_closest_marker("django_db") or _DJANGO & _fixtures_of(item))
    }
    if mixed:
        names = ", ".join(sorted(mixed))
        raise pytest.UsageError(f"move what asks the database out of {names}")


def _fixtures_of(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def _place(item: pytest.Item) -> int:
    order = ("", *_NEXT, *_TOGETHER)
    return order.index(item.path.name) if item.path.name in order else 0


def _place_among_many(item: pytest.Item) -> int:
    order = (*_TOGETHER, *_NEXT)
    return order.index(item.path.name) if item.path.name in order else len(order)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Close what is open before the first test of a module that needs none of it.

    While a browser is open its event loop runs in this thread, and a test that runs
    one of its own would fail.
    """
    if item.path.name not in (*_TOGETHER, *_NEXT):
        kept_open.close()


def pytest_sessionfinish() -> None:
    """Leave nothing running."""
    kept_open.close()


class _InOrder(LoadScopeScheduling):
    """Gives tests to processes in their order, some of them together to one."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        name = path.rpartition("/")[2]
        if name in _TOGETHER:
            return "installation"
        return path if name in _NEXT else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Have `-n 2` keep to the order above."""
    config.option.loadscopereorder = False
    return _InOrder(config, log)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Close the browser before Django ends: it drops no database beside one."""
    yield
    kept_open.close()


@pytest.fixture(autouse=True)
def _open_gates() -> Iterator[None]:
    """Let no test wait for a provider that another did not reach."""
    yield
    gate.forget()
    leaving.stay()
    executions.forget()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> drill.Installation:
    """`up` as users run it, once for all tests that need it whole."""
    return kept_open.use(
        "running",
        lambda: drill.installation(tmp_path_factory.mktemp("drill") / "home"),
    )


@pytest.fixture(scope="module")
def demonstrated(running: drill.Installation) -> drill.Installation:
    """The same with the content of the demonstration, which is loaded once."""
    kept_open.use("demo", lambda: nullcontext(running.manage("load_demo")))
    return running


@pytest.fixture(scope="module")
def browser() -> Browser:
    """One Chromium for all tests."""
    return kept_open.use("browser", browsing.chromium)


@pytest.fixture
def page(browser: Browser, running: drill.Installation) -> Iterator[Page]:
    """A page of somebody who is logged in to the shared installation."""
    with browsing.logged_in(browser, f"http://127.0.0.1:{running.port}") as opened:
        yield opened
