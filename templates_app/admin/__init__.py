"""The authors' pages; importing a module registers what is not joined further up."""

from templates_app.admin import (
    blocks,
    folders,
    images,
    mobile_apps,
    test_profiles,
)

__all__ = ["blocks", "folders", "images", "mobile_apps", "test_profiles"]
