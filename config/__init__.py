"""The wiring: settings, addresses, the WSGI entry."""
