"""The pages of event types, and of sources with their keys.

Importing registers sources. `EventTypeAdmin` is registered further up, where it is
known which published messages a contract would break.
"""

from events.admin import sources
from events.admin.event_types import EventTypeAdmin

__all__ = ["EventTypeAdmin", "sources"]
