"""Proofs that a calling system asked for, each once for its key."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0004_event_of_type_ascending"),
        ("templates_app", "0005_builtin_content_blocks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="proof",
            name="idempotency_key",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name="proof",
            name="request_hash",
            field=models.CharField(
                blank=True,
                help_text="Of what was asked for under the key.",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="proof",
            name="source",
            field=models.ForeignKey(
                help_text="The calling system that asked for it.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="events.source",
            ),
        ),
        migrations.AddConstraint(
            model_name="proof",
            constraint=models.UniqueConstraint(
                condition=models.Q(("idempotency_key", ""), _negated=True),
                fields=("source", "idempotency_key"),
                name="templates_app_proof_idempotency_key",
            ),
        ),
    ]
