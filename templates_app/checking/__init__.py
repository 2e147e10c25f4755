"""The checking compiler: everything that is wrong with content, each with its place.

Errors block publishing; warnings are listed. `check_content` is pure; the others load
what a draft is checked against.
"""

from __future__ import annotations

from templates_app.checking.content import check_content
from templates_app.checking.drafts import (
    blocks_of,
    broken_by,
    check_draft,
    check_unsaved,
    check_version,
)
from templates_app.checking.findings import Finding

__all__ = [
    "Finding",
    "blocks_of",
    "broken_by",
    "check_content",
    "check_draft",
    "check_unsaved",
    "check_version",
]
