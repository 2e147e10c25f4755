"""The HTTP API beyond the door: what is read, tried out, stopped and repeated.

`application` serves the `subjects` by django-ninja; what is refused is answered as the
door answers it. No logic here: a subject parses, calls one function and answers.
"""
