"""The API as an OpenAPI 3.1 document: made of the routes, the models and the catalogue.

`assembling` puts it together; `operations` says of each operation what no route can:
its answers, examples and headers. Whoever adds an operation adds its entry there, or
`tests/test_api_document.py` asks for it. Nothing here serves a request of the API.
"""
