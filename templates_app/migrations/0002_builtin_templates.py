"""One built-in template for each channel: where an author starts from nothing."""

from django.db import migrations
from django.utils import timezone

BLANK_MJML = """\
<mjml lang="en">
  <mj-head>
    <mj-attributes>
      <mj-all font-family="Helvetica, Arial, sans-serif" />
      <mj-text font-size="16px" line-height="24px" color="#1f2937" padding="0 0 16px" />
    </mj-attributes>
  </mj-head>
  <mj-body background-color="#f3f4f6">
    <mj-section padding="24px 0">
      <mj-column background-color="#ffffff" border-radius="8px" padding="32px">
        <mj-text font-size="24px" line-height="32px" font-weight="700">Your heading</mj-text>
        <mj-text>Hello {{ recipient.name | default: "there" }},</mj-text>
        <mj-text>write here what happened and what comes next.</mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""

BUILTIN = [
    {
        "channel": "email",
        "internal_name": "blank-email",
        "label": "Blank email",
        "description": "One column with a heading, for any screen.",
        "content": {
            "subject": "Your subject",
            "source_kind": "mjml",
            "source": BLANK_MJML,
        },
    },
    {
        "channel": "sms",
        "internal_name": "blank-sms",
        "label": "Blank SMS",
        "description": "A greeting in one segment.",
        "unknown_outcome": "never_twice",
        "content": {
            "text": 'Hello {{ recipient.name | default: "there" }}, write here.'
        },
    },
    {
        "channel": "push",
        "internal_name": "blank-push",
        "label": "Blank push",
        "description": "A title and one sentence.",
        "unknown_outcome": "never_twice",
        "content": {"title": "Your title", "body": "Write one sentence here."},
    },
]


def create(apps, schema_editor):
    """Add what is not there yet."""
    template = apps.get_model("templates_app", "Template")
    for facts in BUILTIN:
        template.objects.get_or_create(
            internal_name=facts["internal_name"],
            defaults={
                **facts,
                "content": {"en": facts["content"]},
                "is_builtin": True,
                "modified_at": timezone.now(),
            },
        )


def remove(apps, schema_editor):
    """Take them away again; messages made from them stay."""
    template = apps.get_model("templates_app", "Template")
    template.objects.filter(is_builtin=True).delete()


class Migration(migrations.Migration):
    dependencies = [("templates_app", "0001_initial")]

    operations = [migrations.RunPython(create, remove)]
