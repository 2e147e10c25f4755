"""What runs with the product's settings, on the benchmark's own database.

Each verb is one function: options in, a JSON object out. They call the product's own
code; what is measured beside it they read from the database and from /proc.
"""
