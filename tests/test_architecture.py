"""The house of design: floors, writers, names. Each rule is read from the code itself.

No test here runs the product: they parse its files and walk its models and migrations.
Every list of exceptions gives the reason of each, and must not name what is not there.
"""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("events", "templates_app", "history", "txmsg", "config")
"""From the ground up: a floor may use those before it."""
APPS = FLOORS[:-1]

MAX_LINES = 450
FORBIDDEN_NAMES = {
    "common",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "service",
    "services",
    "util",
    "utils",
}

QUEUE_IMPORTERS = {
    "events/doorbell.py": "the one place that rings",
    "events/valkey.py": "short scripts over what workers share: bells, pace, breakers",
    "txmsg/bench/peers/naive/program.py": "a yardstick that queues by RQ, in an "
    "environment of its own",
    "txmsg/doctor.py": "says in words what is wrong with Redis: its exceptions only",
    "txmsg/health.py": "says in words that Redis does not answer: its exceptions only",
    "txmsg/worker.py": "the loop that RQ runs",
}
ENVIRONMENT_READERS = {
    "config/settings.py": "where settings are made of it",
    "config/wsgi.py": "names the settings module, as Django asks for",
    "manage.py": "names the settings module, as Django asks for",
    "txmsg/bench/environment.py": "hands it on to what is measured",
    "txmsg/bench/peers/project.py": "the yardsticks' own settings module",
    "txmsg/crashdrill/installation.py": "hands it on to the processes that it hurts",
    "txmsg/embedded/ownership.py": "the owner tells its children so, who ask before "
    "there are settings",
    "txmsg/embedded/servers.py": "hands it on to PostgreSQL and Valkey, less PG*",
    "txmsg/supervisor/supervision.py": "hands it on to the processes of `up`",
}
LATE_IMPORTERS = {
    "txmsg/embedded/servers.py": "settings import this: psycopg must not come with it",
    "manage.py": "a stop while Django is being imported must already be a stop",
}
SIGNAL_IMPORTERS = {
    "config/wsgi.py": "Django's own connection_created: a web request's time limit",
    "events/apps.py": "Django's own post_migrate: the months are made after it",
}
UPWARD_NAMES = {
    ("events/doorbell.py", "txmsg.jobs.drain"): "RQ takes a job by its dotted name",
    ("events/doorbell.py", "txmsg.jobs.serve_authors"): "RQ takes a job by its name",
}
SQL_WRITERS = {
    (
        "events/replaying.py",
        "events_event",
    ): "what a replay repeats, in the transaction of its event",
    ("events/storing.py", "events_event"): "the door writes what it accepts",
    ("events/storing.py", "events_eventcontext"): "the door writes what it accepts",
    (
        "events/identities.py",
        "events_eventidentity",
    ): "the door keeps the caller's keys",
    ("events/refusals.py", "events_refusalcount"): "refusals' own writer",
    ("events/refusals.py", "events_refusedrequest"): "refusals' own writer",
    ("events/storing.py", "events_eventidentity"): "keys, in the statement of events",
    (
        "events/storing.py",
        "events_work",
    ): "the first row, in the statement of its event",
    ("events/webhooks/outbox.py", "events_webhookmessage"): "the outbox's own writer",
    ("events/webhooks/queue.py", "events_webhookattempt"): "the outbox's own writer",
    ("events/webhooks/queue.py", "events_webhookmessage"): "the outbox's own writer",
    ("events/work/claiming.py", "events_work"): "work's own writer",
    ("events/work/leases.py", "events_work"): "work's own writer",
    ("events/work/operating.py", "events_work"): "work's own writer",
    (
        "history/recording/endings.py",
        "events_event",
    ): "an event ends with its last delivery",
    ("history/recording/endings.py", "history_delivery"): "history's own writer",
    ("history/recording/endings.py", "history_tally"): "history's own writer",
    ("history/recording/facts.py", "events_event"): "an event has work once more",
    ("history/recording/facts.py", "history_delivery"): "history's own writer",
    ("history/recording/waves.py", "history_attempt"): "history's own writer",
    (
        "history/recording/waves.py",
        "history_suppression",
    ): "a bounce, in the same transaction",
    (
        "templates_app/publishing/verbs.py",
        "events_eventtype",
    ): "live_channels, for the door",
}
ORM_WRITERS = {
    ("events/usage.py", "UsageDay"): "usage's own writer",
    ("events/refusals.py", "RefusalCount"): "refusals' own writer",
    ("events/refusals.py", "RefusedRequest"): "refusals' own writer",
    ("history/recording/executions.py", "Execution"): "history's own writer",
    ("templates_app/content_blocks.py", "ContentBlockVersion"): "a block's own writer",
    ("templates_app/proofing.py", "Proof"): "proofs' own writer",
    ("templates_app/proofing.py", "ProofRecipient"): "proofs' own writer",
    ("templates_app/publishing/verbs.py", "PublicationLog"): "a line each verb",
    ("templates_app/shadow.py", "ShadowResult"): "shadow renders' own writer",
    ("templates_app/shadow.py", "ShadowRun"): "shadow renders' own writer",
}
GUARDED_MODELS = {
    "Attempt",
    "ContentBlockVersion",
    "Delivery",
    "Event",
    "EventContext",
    "EventIdentity",
    "EventSample",
    "Execution",
    "Image",
    "Proof",
    "ProofRecipient",
    "PublicationLog",
    "RefusalCount",
    "RefusedRequest",
    "ShadowResult",
    "ShadowRun",
    "Tally",
    "UsageDay",
    "Version",
    "WebhookAttempt",
    "WebhookMessage",
    "Work",
}

_WRITE = re.compile(
    r"\b(?:INSERT\s+INTO|UPDATE(?:\s+ONLY)?|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE"
    r'(?:\s+TABLE)?|COPY)\s+"?([a-z_]+)'
)
_DOTTED = re.compile(rf"({'|'.join(FLOORS)})(\.[A-Za-z_]\w*)+")
_ORM_WRITES = {
    "bulk_create",
    "bulk_update",
    "create",
    "delete",
    "get_or_create",
    "update",
    "update_or_create",
}


@functools.cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))


@functools.cache
def modules(*, migrations: bool = False) -> Mapping[str, ast.Module]:
    """Return the parsed modules of the product by path, manage.py included."""
    found = {"manage.py": ROOT / "manage.py"}
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            found[path.relative_to(ROOT).as_posix()] = path
    return {
        name: _parsed(path)
        for name, path in found.items()
        if migrations or "/migrations/" not in name
    }


def floor_of(dotted: str) -> int | None:
    """Return how high a module or path lies, None if it is not ours."""
    first = re.split(r"[./]", dotted)[0]
    return FLOORS.index(first) if first in FLOORS else None


@functools.cache
def nodes_of(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Return all that a module or a part of one is made of; it never changes."""
    return tuple(ast.walk(tree))


def imports_of(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Yield each import statement with each module that it names."""
    for node in nodes_of(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node, node.module
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def importers_of(*packages: str) -> set[str]:
    """Return the paths that import one of these packages, or a part of one."""
    return {
        path
        for path, tree in modules(migrations=True).items()
        for _, name in imports_of(tree)
        if name.split(".")[0] in packages
    }


def texts_of(tree: ast.AST) -> Iterator[str]:
    """Yield every string in the code, those inside of f-strings included."""
    for node in nodes_of(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@functools.cache
def tables() -> Mapping[str, int]:
    """Return the floor of each of our tables."""
    return {
        model._meta.db_table: FLOORS.index(model._meta.app_label)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in FLOORS
    }


def test_imports_point_down() -> None:
    """An upward import is the first step to a ball of mud."""
    upward = [
        f"{path} imports {name}"
        for path, tree in modules(migrations=True).items()
        for _, name in imports_of(tree)
        if (here := floor_of(path)) is not None
        and (there := floor_of(name)) is not None
        and there > here
    ]
    assert not upward


def test_the_contracts_of_import_linter_hold() -> None:
    """They see what the eye does not: imports through other modules."""
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_names_in_strings_point_down_too() -> None:
    """A dotted name is an import that no linter sees."""
    found = {
        (path, text)
        for path, tree in modules(migrations=True).items()
        for text in texts_of(tree)
        if (here := floor_of(path)) is not None
        and _DOTTED.fullmatch(text)
        and (floor_of(text) or 0) > here
    }
    assert found == set(UPWARD_NAMES)


def test_sql_looks_down_only() -> None:
    """A statement that reads an upper floor's table is an upward arrow."""
    names = re.compile(rf"\b({'|'.join(tables())})\b")
    upward = [
        f"{path} names {table}"
        for path, tree in modules(migrations=True).items()
        for text in texts_of(tree)
        for table in names.findall(text)
        if tables()[table] > (len(FLOORS) if (f := floor_of(path)) is None else f)
    ]
    assert not upward


def test_model_relations_point_down() -> None:
    """A ForeignKey by name is a string: no import contract can see it."""
    upward = [
        f"{model.__name__}.{field.name} refers to {field.related_model}"
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in FLOORS
        for field in model._meta.get_fields()
        if field.concrete
        and field.is_relation
        and isinstance(field.related_model, type)
        and field.related_model._meta.app_label in FLOORS
        and FLOORS.index(field.related_model._meta.app_label)
        > FLOORS.index(model._meta.app_label)
    ]
    assert not upward


def test_migrations_depend_downwards() -> None:
    """A lower app that needs an upper one's migration cannot be migrated alone."""
    loader = MigrationLoader(None)
    upward = [
        f"{app}.{name} needs {parent.key[0]}.{parent.key[1]}"
        for (app, name), node in loader.graph.node_map.items()
        if app in FLOORS
        for parent in node.parents
        if parent.key[0] in FLOORS and FLOORS.index(parent.key[0]) > FLOORS.index(app)
    ]
    assert not upward


@pytest.mark.parametrize("app", APPS)
def test_each_app_has_a_migrations_package(app: str) -> None:
    """Without one, makemigrations --check passes and sees nothing."""
    assert (ROOT / app / "migrations" / "__init__.py").is_file()


def models_of(app: str) -> list[ast.Module]:
    """Return the parsed modules that hold an app's models: one, or a package."""
    return [
        tree
        for path, tree in modules().items()
        if path == f"{app}/models.py" or path.startswith(f"{app}/models/")
    ]


@pytest.mark.parametrize("app", APPS)
def test_models_import_models_only(app: str) -> None:
    """Models that know the code above them make every import a cycle."""
    # Ids are values, not logic: a default of a key needs them.
    allowed = {f"{each}.models" for each in APPS} | {"events.ids"}
    wrong = {
        node.module
        for tree in models_of(app)
        for node in nodes_of(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module
        and floor_of(node.module) is not None
        and re.sub(r"(?<=\.models)\..*", "", node.module) not in allowed
        and {f"{node.module}.{alias.name}" for alias in node.names} - allowed
    }
    assert not wrong


@pytest.mark.parametrize("app", APPS)
def test_models_do_nothing_when_saved_or_deleted(app: str) -> None:
    """Logic in save() is run by whoever saves, and skipped by whoever updates."""
    names = {
        node.name
        for tree in models_of(app)
        for node in nodes_of(tree)
        if isinstance(node, ast.FunctionDef)
    }
    assert not names & {"save", "delete", "full_clean", "clean", "refresh_from_db"}


def test_only_a_few_modules_know_the_queue() -> None:
    """RQ loses and doubles jobs: whoever knows it may come to rely on it."""
    assert importers_of("rq", "django_rq", "redis") == set(QUEUE_IMPORTERS)


def test_only_one_module_knows_bleach() -> None:
    """bleach gets no more security fixes: nh3 stands behind it, there alone."""
    assert importers_of("bleach") == {"templates_app/rendering/sanitizing.py"}


def test_the_environment_is_read_in_one_place() -> None:
    """A setting that is read elsewhere is in no reference and in no check."""
    readers = {
        path
        for path, tree in modules(migrations=True).items()
        for node in nodes_of(tree)
        if (
            isinstance(node, ast.Attribute)
            and node.attr in ("environ", "environb", "getenv")
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
        )
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {alias.name for alias in node.names} & {"environ", "getenv"}
        )
    } | importers_of("environ")
    assert readers == set(ENVIRONMENT_READERS)


def test_no_import_hides_in_a_function() -> None:
    """It is how a cycle is dodged instead of removed."""
    hidden = {
        path
        for path, tree in modules(migrations=True).items()
        for function in nodes_of(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert hidden == set(LATE_IMPORTERS)


def test_imports_are_absolute() -> None:
    """A name that is the same everywhere can be searched for."""
    relative = [
        f"{path}:{node.lineno}"
        for path, tree in modules(migrations=True).items()
        for node in nodes_of(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def test_modules_are_named_for_their_subject() -> None:
    """A drawer named for nothing takes everything."""
    wrong = [
        path
        for path in modules(migrations=True)
        if FORBIDDEN_NAMES & set(path.removesuffix(".py").split("/"))
    ]
    assert not wrong


def test_modules_are_short() -> None:
    """What one can hold in mind; beyond it a module becomes a package of its name."""
    long = {
        path: lines
        for path in modules()
        if (lines := (ROOT / path).read_text(encoding="utf-8").count("\n")) > MAX_LINES
    }
    assert not long


def test_signals_are_not_used_between_our_apps() -> None:
    """A signal is a call that cannot be read, in an order that nobody chose."""
    importers = {
        path
        for path, tree in modules().items()
        for _, name in imports_of(tree)
        if "signals" in name.split(".") or name.startswith("django.dispatch")
    }
    assert importers == set(SIGNAL_IMPORTERS)


def test_each_table_has_one_writer_in_sql() -> None:
    """Who writes a row decides its locks: a second writer brings the deadlock."""
    found = {
        (path, table)
        for path, tree in modules().items()
        for text in texts_of(tree)
        for table in _WRITE.findall(text)
        if table in tables()
    }
    assert found == set(SQL_WRITERS)


def test_guarded_tables_have_no_writer_by_the_orm() -> None:
    """A manager's update() is as much a writer as a statement."""
    found = {
        (path, model)
        for path, tree in modules().items()
        for node in nodes_of(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _ORM_WRITES
        and (model := _first_name(node.func)) in GUARDED_MODELS
    }
    assert found == set(ORM_WRITERS)


def _first_name(node: ast.expr) -> str:
    """Return the name that a chain of calls and attributes begins with."""
    while True:
        if isinstance(node, ast.Attribute):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return node.id if isinstance(node, ast.Name) else ""
