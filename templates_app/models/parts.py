"""What messages are put together from: content blocks with versions, and images."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class ContentBlock(models.Model):
    """A piece of content that many messages use, by ``{% block 'internal-name' %}``.

    A change reaches a message when it is published next: a version holds the blocks
    it was published with. `html` stands in HTML and MJML sources, `text` everywhere
    else; an empty one of them is refused where it is used.
    """

    label = models.CharField(max_length=120)
    internal_name = models.SlugField(
        max_length=64, unique=True, help_text="The name that content calls it by."
    )
    description = models.TextField(blank=True)
    html = models.TextField(
        blank=True, verbose_name="HTML or MJML", help_text="For the body of emails."
    )
    text = models.TextField(
        blank=True, help_text="For subjects, text parts, SMS and push."
    )
    number = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    modified_at = models.DateTimeField(auto_now=True)
    modified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )

    class Meta:
        ordering = ["label"]

    def __str__(self) -> str:
        return self.label


class ContentBlockVersion(models.Model):
    """How a content block once stood; written whenever its content changes."""

    block = models.ForeignKey(
        ContentBlock, on_delete=models.CASCADE, related_name="versions"
    )
    number = models.PositiveIntegerField()
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["block", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["block", "number"],
                name="templates_app_contentblockversion_number",
            )
        ]

    def __str__(self) -> str:
        return f"{self.block} v{self.number}"


class Image(models.Model):
    """An uploaded image, served to everybody under the hash of its bytes."""

    name = models.CharField(max_length=160, help_text="As it was called on upload.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    file = models.FileField(upload_to="images", editable=False, max_length=120)
    media_type = models.CharField(max_length=20, editable=False)
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    size = models.PositiveIntegerField(editable=False, help_text="In bytes.")
    uploaded_at = models.DateTimeField(db_default=Now(), editable=False)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )

    class Meta:
        ordering = ["-uploaded_at"]

    def __str__(self) -> str:
        return self.name
