"""Starts the installation's processes fast: Django is loaded once, each is a fork.

A fork runs the very code of `manage.py worker` and `sweeper`, or serves the product's
WSGI application, and dies like any other process; only its start costs milliseconds
instead of a second. It must not know why processes are started or end.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.conf import settings
from django.core.management import call_command
from django.urls import get_resolver
from django.utils.module_loading import import_string

# What every process of the product needs is loaded here, once.
from txmsg import sweeper, worker  # noqa: F401
from txmsg.embedded.processes import die_with_parent

WEB_THREADS = 6


class Child:
    """A process of the installation, by a handle that no other process can take."""

    def __init__(self, name: str, pid: int) -> None:
        """Take the number of a process that was started just now."""
        self.name = name
        self.pid = pid
        self.born_at = time.monotonic()
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = -1

    def __del__(self) -> None:
        """Give the handle back."""
        if self._handle >= 0:
            os.close(self._handle)

    def signal(self, which: int) -> bool:
        """Send a signal; return whether the process was there to get it."""
        try:
            signal.pidfd_send_signal(self._handle, which)
        except OSError:
            return False
        return True

    def is_alive(self) -> bool:
        """Say whether it has not ended, frozen or not."""
        return self.signal(0)


class Nursery:
    """The process that forks the others; each call starts one and returns it."""

    def __init__(self) -> None:
        """Fork it from this process, which has no threads and no connections yet."""
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair()
        owner = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            die_with_parent(signal.SIGKILL, parent=owner)
            _tend(theirs)
        theirs.close()
        self._socket = ours
        self._answers = ours.makefile("r")

    def start(self, name: str, run: str, log: Path, **told: Any) -> Child:
        """Start a process: ``web`` or ``command``, with what its function is told."""
        order = {"name": name, "run": run, "log": str(log), **told}
        with self._lock:
            self._socket.sendall(json.dumps(order).encode() + b"\n")
            return Child(name, int(self._answers.readline()))

    def close(self) -> None:
        """End the nursery, and by its end every process it started."""
        self._socket.close()
        self._answers.close()
        os.waitpid(self.pid, 0)


def _tend(orders: socket.socket) -> NoReturn:
    """Fork as told until the other side hangs up."""
    os.setsid()
    # The kernel buries the dead: nobody here waits for them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for which in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(which, signal.SIG_DFL)
    _ = get_resolver().url_patterns
    tended = os.getpid()
    for line in orders.makefile("r"):
        pid = os.fork()
        if pid == 0:
            orders.close()
            _live(json.loads(line), parent=tended)
        orders.sendall(f"{pid}\n".encode())
    os._exit(0)


def _live(told: Mapping[str, Any], *, parent: int) -> NoReturn:
    """Be the process that was asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    die_with_parent(signal.SIGKILL, parent=parent)
    log = os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    random.seed()
    for name, value in told.get("settings", {}).items():
        setattr(settings, name, value)
    status = 1
    try:
        if told["run"] == "web":
            _serve(told["port"])
        else:
            call_command(told["command"], **told.get("options", {}))
        status = 0
    except SystemExit as leave:
        status = leave.code if isinstance(leave.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing of a request."""


class _PooledServer(WSGIServer):
    """Serves requests on a fixed number of threads: each keeps its connections."""

    request_queue_size = 128
    pool: ThreadPoolExecutor

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to a thread."""
        self.pool.submit(self._serve, request, client_address)

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            # The client has left; it repeats what it wanted.
            self.shutdown_request(request)
        else:
            self.shutdown_request(request)


def _serve(port: int) -> None:
    """Serve the product's WSGI application until killed."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server = _PooledServer(("127.0.0.1", port), _QuietHandler)
    server.pool = ThreadPoolExecutor(WEB_THREADS)
    server.set_app(import_string(settings.WSGI_APPLICATION))
    server.serve_forever()
