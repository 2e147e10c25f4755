"""The authors' pages; importing a module registers what is not joined further up."""

from templates_app.admin import templates

__all__ = ["templates"]
