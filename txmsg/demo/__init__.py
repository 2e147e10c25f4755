"""Demo data of a fictional shop: event types, templates and a stream of events.

Pure data and pure functions: it knows neither the database nor Django, stores nothing
and sends nothing. What loads it and posts it lives in the management commands.
"""
