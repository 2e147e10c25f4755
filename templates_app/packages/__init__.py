"""Messages as files: one readable JSON file holds a message and all it stands on."""

from templates_app.packages.importing import Imported, import_package
from templates_app.packages.reading import BrokenPackage, Package, read
from templates_app.packages.writing import export_message

__all__ = [
    "BrokenPackage",
    "Imported",
    "Package",
    "export_message",
    "import_package",
    "read",
]
