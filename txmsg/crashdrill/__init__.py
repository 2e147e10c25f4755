"""The crash drill: kills, freezes and cuts an installation, and counts what arrived.

An installation of its own under a temporary folder; a peer that stands in for the mail
server and the providers, and counts; an oracle that believes nobody else. Nothing of
the product may import this, but for the settings, which name its test channel.
"""
