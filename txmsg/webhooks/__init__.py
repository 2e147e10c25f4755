"""Sending outgoing webhooks, as Standard Webhooks 1.0 describes them.

What is told stands in the outbox (`events.webhooks`) since the transaction of its fact.
Here it is signed, posted and tried again; and here endpoints are made and changed.
"""
