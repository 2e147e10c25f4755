"""The web process of `up`: granian, with workers that are started, not forked.

A forked worker would have the command line of its master, and an operator could not
tell them apart. Must not know what is served.
"""

from __future__ import annotations

import multiprocessing
import sys

from granian.cli import entrypoint


def main() -> None:
    """Run granian's command line; `--name X` is for people who look at processes."""
    if sys.argv[1:2] == ["--name"]:
        del sys.argv[1:3]
    multiprocessing.set_start_method("spawn")
    entrypoint()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
