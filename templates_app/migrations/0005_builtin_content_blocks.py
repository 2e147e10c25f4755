"""Two content blocks to begin with; anybody may change or delete them."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

BLOCKS: list[dict[str, Any]] = [
    {
        "internal_name": "salutation",
        "label": "Salutation",
        "description": "Hello with the recipient's name, or without one.",
        "html": "Hello {{ recipient.name | default: 'there' }},",
        "text": "Hello {{ recipient.name | default: 'there' }},",
    },
    {
        "internal_name": "copyright",
        "label": "Copyright line",
        "description": "The year of sending; put your company's name behind it.",
        "html": "&copy; {{ today | date: 'yyyy' }} Your company",
        "text": "© {{ today | date: 'yyyy' }} Your company",
    },
]


def create_blocks(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the blocks, unless somebody has used their names already."""
    using = schema_editor.connection.alias
    block_model = apps.get_model("templates_app", "ContentBlock")
    version_model = apps.get_model("templates_app", "ContentBlockVersion")
    for facts in BLOCKS:
        block, is_new = block_model.objects.using(using).get_or_create(
            internal_name=facts["internal_name"], defaults=facts
        )
        if is_new:
            version_model.objects.using(using).create(
                block=block, number=1, html=facts["html"], text=facts["text"]
            )


class Migration(migrations.Migration):
    dependencies = [("templates_app", "0004_builtin_blocks_template")]

    operations = [migrations.RunPython(create_blocks, migrations.RunPython.noop)]
