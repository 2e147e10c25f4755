"""The subjects of the API, a module each: its `router` is served as soon as it is here.

An operation asks for a key by ``auth=KeyWith(Scope.…)``, spells its whole path behind
``/api/v1`` and answers plain data, or ``Status(202, data)``; models are `Strict`.
"""
