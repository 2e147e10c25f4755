"""The product's processes as `up` runs them, for the parts that need a web server."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator

from txmsg.bench import environment
from txmsg.bench.environment import Bench, BenchError, child, wait_for_port
from txmsg.supervisor.installation import Installation, child_specs

_READY_SECONDS = 40.0


@contextlib.contextmanager
def web(bench: Bench, database: str, *, trivial: bool = False) -> Iterator[int]:
    """Have the web process of `up` run alone; yields its port.

    `trivial`: the same command serves the trivial view instead of the product.
    """
    port = environment.free_port()
    spec = child_specs(Installation(port=port), inbox=None)[0]
    env = environment.product_environment(bench, database)
    command = list(spec.argv)
    if trivial:
        command[-1] = "txmsg.bench.trivial:application"
        env["DJANGO_SETTINGS_MODULE"] = "txmsg.bench.trivial"
    with child(bench, command, name=spec.name, env=env):
        wait_for_port(port)
        yield port


@contextlib.contextmanager
def everything(bench: Bench, database: str, *, sink_port: int) -> Iterator[int]:
    """Have run what `up` runs by itself: web, three workers, the sweeper.

    One worker serves the critical lane alone.
    """
    port = environment.free_port()
    env = environment.product_environment(bench, database, sink_port)
    specs = child_specs(Installation(port=port), inbox=None)
    with contextlib.ExitStack() as stack:
        for spec in specs:
            command = list(spec.argv)
            stack.enter_context(child(bench, command, name=spec.name, env=env))
        _wait_until_ready(port)
        yield port


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while _status(port) != 200:
        if time.monotonic() > deadline:
            raise BenchError("the installation did not become ready")
        time.sleep(0.1)


def _status(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
