"""A file that is there to be deleted: room for PostgreSQL to start on a full disk.

A full disk ends PostgreSQL, and it cannot start again without room for what it has to
write then. The door takes nothing in long before (`TXMSG_FREE_DISK_MB`); the ballast
is for what fills the disk besides. It must not know the server.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

BALLAST_BYTES = 64 * 2**20
# There is no sense in filling a disk that is nearly full as it is.
SPARE_BYTES = 2 * 2**30


def see_to(folder: Path) -> None:
    """Keep a ballast in a folder where there is plenty; drop it where there is none.

    Called before each start of the server. Tells the operator when it drops it.
    """
    ballast = folder / "ballast"
    free = shutil.disk_usage(folder).free
    if ballast.exists():
        if free < BALLAST_BYTES:
            ballast.unlink()
            _say(
                f"the disk of {folder} is full; a reserve of "
                f"{BALLAST_BYTES // 2**20} MB was freed so that PostgreSQL can start. "
                "Make room now: there is no second reserve"
            )
    elif free > BALLAST_BYTES + SPARE_BYTES:
        _make(ballast)


def _make(ballast: Path) -> None:
    """Reserve the room; where the file system cannot, go without."""
    draft = ballast.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
    except OSError as error:
        draft.unlink()
        _say(f"no reserve could be kept in {ballast.parent}: {error}")
        return
    finally:
        os.close(descriptor)
    draft.rename(ballast)


def _say(line: str) -> None:
    print(f"txmsg: {line}", file=sys.stderr, flush=True)  # noqa: T201
