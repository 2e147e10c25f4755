"""How many events of a type one recipient may get, and within how long."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0004_event_of_type_ascending"),
    ]

    operations = [
        migrations.AddField(
            model_name="eventtype",
            name="recipient_limit",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Events of this type that one recipient gets; empty means no limit.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="eventtype",
            name="recipient_limit_seconds",
            field=models.PositiveIntegerField(
                default=3600, help_text="Within how many seconds."
            ),
        ),
    ]
