"""What authors fill in: the wizard, and the page of a message or template.

A form parses and says what is wrong with a field; what happens with the values is
decided in `creating`, `editing` and `publishing`.
"""

from templates_app.forms.asking import CreateForm, LabelForm, NoteForm
from templates_app.forms.content import (
    CONTENT_FIELDS,
    Unreadable,
    plain_lines,
    typed_content,
)
from templates_app.forms.drafts import DraftForm, MessageForm, wrong_characters

__all__ = [
    "CONTENT_FIELDS",
    "CreateForm",
    "DraftForm",
    "LabelForm",
    "MessageForm",
    "NoteForm",
    "Unreadable",
    "plain_lines",
    "typed_content",
    "wrong_characters",
]
