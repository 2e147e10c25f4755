"""How many events came on a day, counted when somebody looked."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0006_refused_requests"),
    ]

    operations = [
        migrations.CreateModel(
            name="UsageDay",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("counted_at", models.DateTimeField()),
                ("counts", models.JSONField(default=dict)),
            ],
        ),
    ]
