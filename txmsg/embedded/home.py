"""The data folder of one installation: what lies where, and under which addresses.

Must not know processes: it answers the same whether anything runs or not.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

# The kernel takes 104 (macOS) to 108 (Linux) bytes for a socket's path; PostgreSQL
# adds the longest name, ".s.PGSQL.5432".
_LONGEST_SOCKET_PATH = 90
POSTGRES_PORT = 5432
DATABASE = "txmsg"


class EmbeddedError(RuntimeError):
    """The embedded services cannot run; the message says what an operator can do."""


@dataclass(frozen=True, slots=True)
class Home:
    """The data folder of one installation; making the value touches nothing."""

    path: Path

    @property
    def lock_path(self) -> Path:
        """The file whose lock makes a process the owner of this folder."""
        return self.path / "up.lock"

    @property
    def users_lock_path(self) -> Path:
        """The file that commands lock together while they use another's services."""
        return self.path / "users.lock"

    @property
    def run(self) -> Path:
        """The folder of what is true only while something runs."""
        return self.path / "run"

    @property
    def log(self) -> Path:
        """The folder of the processes' log files."""
        return self.path / "log"

    @property
    def fingerprint(self) -> str:
        """A short name of this folder, the same in every process."""
        return hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]

    @property
    def sockets(self) -> Path:
        """The folder of the sockets: `run`, or a short one when that path is too long.

        The short one is under /tmp, whatever TMPDIR says: every command must find it.
        """
        longest = self.run / f".s.PGSQL.{POSTGRES_PORT}"
        if len(os.fsencode(longest)) <= _LONGEST_SOCKET_PATH:
            return self.run
        return Path("/tmp") / f"txmsg-{os.geteuid()}-{self.fingerprint}"  # noqa: S108

    @property
    def valkey_socket(self) -> Path:
        """Where Valkey listens."""
        return self.sockets / "valkey.sock"

    @property
    def database_url(self) -> str:
        """Where PostgreSQL answers.

        User and port are spelt out: without them libpq takes the system user's name,
        which a container may lack, and PGPORT.
        """
        folder = quote(str(self.sockets))
        return f"postgres://{DATABASE}@:{POSTGRES_PORT}/{DATABASE}?host={folder}"

    @property
    def redis_url(self) -> str:
        """Where Valkey answers."""
        return f"unix://{quote(str(self.valkey_socket))}?db=0"

    def make(self) -> None:
        """Make the folder and its sub-folders, closed to everybody else."""
        for folder in (self.path, self.run, self.log):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # 0710 is what `nobody` gets when it runs the servers for root.
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if mode & 0o067:
            self.path.chmod(0o700)
        if self.sockets != self.run:
            _make_private(self.sockets)

    def secret_key(self) -> str:
        """Return this installation's secret key; make it the first time (0600).

        Two processes that make it at once get the same one.
        """
        kept = self.path / "secret_key"
        with contextlib.suppress(FileNotFoundError):
            return kept.read_text(encoding="ascii")
        self.make()
        draft = self.path / f"secret_key.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(50))
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: the first one wins, and nobody reads half a key.
        with contextlib.suppress(FileExistsError):
            os.link(draft, kept)
        draft.unlink()
        return kept.read_text(encoding="ascii")

    @property
    def inbox_url_path(self) -> Path:
        """The file in which the owner writes where its inbox listens."""
        return self.run / "inbox.url"

    def inbox_url(self) -> str:
        """Return where the inbox of the last `up` took mail, "" when it has ended.

        One that was killed has not taken its address away.
        """
        try:
            return self.inbox_url_path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""


def _make_private(folder: Path) -> None:
    """Make a folder in a place that others write to; refuse one that is not ours."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    ours = found.st_uid in users()
    if not stat.S_ISDIR(found.st_mode) or not ours or found.st_mode & 0o077:
        message = (
            f"{folder} is needed for sockets but is not a private folder of this "
            "user: remove it, or choose a shorter TXMSG_HOME."
        )
        raise EmbeddedError(message)


def users() -> set[int]:
    """Return who may own our folders: this user, and for root also `nobody`."""
    users = {os.geteuid()}
    if os.geteuid() == 0:
        with contextlib.suppress(KeyError):
            users.add(pwd.getpwnam("nobody").pw_uid)
    return users
