"""Block documents: what the visual editor edits, checked and compiled to MJML.

``{"version": 1, "settings": {…}, "blocks": [{"id", "kind", fields…, "show_if",
"repeat"}]}``; `kinds` holds the table of kinds and fields. Plain data in, MJML out: it
knows neither models nor channels.
"""

from templates_app.rendering.blocks.compiling import mjml_of
from templates_app.rendering.blocks.kinds import describe
from templates_app.rendering.blocks.validation import problems_of_document

__all__ = ["describe", "mjml_of", "problems_of_document"]
