"""The machine that runs the three apps: claim, route, render, send, record."""
