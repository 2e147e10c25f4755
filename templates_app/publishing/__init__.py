"""A message's public state: publish, pause, resume, unpublish. Writes versions.

`readiness` says what stands in the way, `verbs` change the state, `waking` tells the
pipeline what is live and takes up what waited.
"""

from templates_app.publishing.readiness import (
    Problem,
    PublishError,
    Readiness,
    assess,
    doubts_of,
    problems_of,
)
from templates_app.publishing.verbs import (
    delete,
    pause,
    pause_version,
    publish,
    restore,
    resume,
    unpublish,
)
from templates_app.publishing.waking import (
    live_versions,
    mark,
    versions_of_live_messages,
    wake_parked,
)
from templates_app.snapshots import (
    compiled_content,
    content_hash,
    differs_from_live,
    snapshot,
)

__all__ = [
    "Problem",
    "PublishError",
    "Readiness",
    "assess",
    "compiled_content",
    "content_hash",
    "delete",
    "differs_from_live",
    "doubts_of",
    "live_versions",
    "mark",
    "pause",
    "pause_version",
    "problems_of",
    "publish",
    "restore",
    "resume",
    "snapshot",
    "unpublish",
    "versions_of_live_messages",
    "wake_parked",
]
