"""What to say: templates and messages, their versions, parts and proofs."""

from templates_app.models.content import (
    Content,
    Folder,
    Message,
    MessageStatus,
    MobileApp,
    Platform,
    Template,
    UnknownOutcome,
    all_platforms,
    default_content,
)
from templates_app.models.parts import ContentBlock, ContentBlockVersion, Image
from templates_app.models.proofs import (
    Proof,
    ProofRecipient,
    ProofStatus,
    TestProfile,
)
from templates_app.models.versions import (
    PublicationAction,
    PublicationLog,
    ShadowOutcome,
    ShadowResult,
    ShadowRun,
    ShadowStatus,
    Version,
)

__all__ = [
    "Content",
    "ContentBlock",
    "ContentBlockVersion",
    "Folder",
    "Image",
    "Message",
    "MessageStatus",
    "MobileApp",
    "Platform",
    "Proof",
    "ProofRecipient",
    "ProofStatus",
    "PublicationAction",
    "PublicationLog",
    "ShadowOutcome",
    "ShadowResult",
    "ShadowRun",
    "ShadowStatus",
    "Template",
    "TestProfile",
    "UnknownOutcome",
    "Version",
    "all_platforms",
    "default_content",
]
