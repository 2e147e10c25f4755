"""What is left out of the log, and what is made shorter.

Must not import Django: logging is set up before it.
"""

from __future__ import annotations

import logging


class NotSaidByUs(logging.Filter):
    """Leaves out Django's line on an answer that is logged, or asked for, elsewhere.

    A refusal of the API has a line of its own, with its code and request id; a monitor
    reads the answer of `/readyz`. An exception always stays.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the record stays."""
        path = str(getattr(getattr(record, "request", None), "path", ""))
        is_ours = path.startswith("/api/") or path == "/readyz"
        return bool(record.exc_info) or not is_ours


class OneLineWarning(logging.Filter):
    """Makes a caller's fault a warning without a traceback: none of our code failed."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass, made shorter."""
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.exc_info, record.exc_text = None, None
        return True
