"""Which calling system added an entry of the suppression list."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0004_event_of_type_ascending"),
        ("history", "0003_delivery_of_execution_ascending"),
    ]

    operations = [
        migrations.AddField(
            model_name="suppression",
            name="source",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                help_text="The calling system that added it.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="events.source",
            ),
        ),
    ]
