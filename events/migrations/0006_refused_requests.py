"""Refused requests: the newest of each source, and how many there were."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0005_recipient_limit"),
    ]

    operations = [
        migrations.CreateModel(
            name="RefusalCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("day", models.DateField()),
                ("code", models.CharField(max_length=60)),
                ("count", models.PositiveBigIntegerField()),
                (
                    "source",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="events.source",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "source", "code"),
                        name="events_refusalcount_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RefusedRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("key", models.CharField(blank=True, max_length=32)),
                ("at", models.DateTimeField()),
                ("path", models.CharField(max_length=200)),
                ("type_name", models.CharField(blank=True, max_length=64)),
                ("status", models.PositiveSmallIntegerField()),
                ("code", models.CharField(max_length=60)),
                ("request_id", models.CharField(max_length=32)),
                (
                    "problem",
                    models.JSONField(
                        help_text="As it was answered, keys in it masked."
                    ),
                ),
                ("body", models.TextField(blank=True)),
                ("body_is_json", models.BooleanField(default=False)),
                ("body_note", models.CharField(blank=True, max_length=200)),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="events.source",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        fields=["source", "id"], name="events_refused_of_source"
                    )
                ],
            },
        ),
    ]
