"""Outgoing webhooks as tables: what is written of a fact, and the only writer of it.

It knows neither how a message is sent nor what an answer means: the machine above
claims what is due, and tells what became of it.
"""
