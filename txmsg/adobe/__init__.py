"""Adobe Campaign's addresses of transactional events, for callers that move here.

A caller changes the base address and the token; the same body then makes an event of
ours, and the answer has the names it knows. It must not judge or store by itself: what
comes in goes the way of every other event.
"""

from __future__ import annotations
