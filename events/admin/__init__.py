"""The pages of event types, of sources with their keys, and of refused requests.

Importing registers sources and refused requests. `EventTypeAdmin` is registered further
up, where it is known which published messages a contract would break.
"""

from events.admin import refused, sources
from events.admin.event_types import EventTypeAdmin

__all__ = ["EventTypeAdmin", "refused", "sources"]
