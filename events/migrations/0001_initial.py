"""The first tables."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import events.ids
import events.models
from events.partitions import CreatePartitionedModel


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Source",
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
                ("name", models.SlugField(max_length=64, unique=True)),
                ("description", models.TextField(blank=True)),
                ("is_active", models.BooleanField(default=True)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("events:write", "Post events"),
                                ("events:read", "Read events"),
                                ("events:critical", "Choose the critical lane"),
                                ("deliveries:read", "Read deliveries"),
                                ("content:read", "Read messages as sent"),
                                ("messages:preview", "Preview messages"),
                                ("messages:proof", "Send proofs"),
                                ("suppressions:read", "Read the suppression list"),
                                ("suppressions:write", "Change the suppression list"),
                                ("webhooks:read", "Read webhooks"),
                                ("webhooks:write", "Change webhooks"),
                            ],
                            max_length=40,
                        ),
                        default=events.models.all_scopes,
                        size=None,
                    ),
                ),
                (
                    "allowed_types",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        blank=True,
                        default=list,
                        help_text="Event types it may post; empty means all.",
                        size=None,
                    ),
                ),
                (
                    "allowed_networks",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=43),
                        blank=True,
                        default=list,
                        help_text="Networks it may call from, for example 10.0.0.0/8; empty means all.",
                        size=None,
                    ),
                ),
                (
                    "rate_per_minute",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Events a minute; empty means no limit.",
                        null=True,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="EventType",
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
                (
                    "name",
                    models.CharField(
                        help_text="The name callers post, for example order.confirmed.",
                        max_length=64,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Za-z0-9][A-Za-z0-9._-]*\\Z",
                                "Use letters, digits, dots, hyphens and underscores, for example order.confirmed.",
                            )
                        ],
                    ),
                ),
                ("label", models.CharField(max_length=120)),
                ("description", models.TextField(blank=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("event", "Event-based"),
                            ("profile", "Profile-based"),
                        ],
                        default="event",
                        max_length=8,
                    ),
                ),
                (
                    "contract",
                    models.JSONField(
                        default=events.models.empty_contract,
                        help_text="JSON Schema 2020-12 of the context (ctx).",
                    ),
                ),
                (
                    "contract_mode",
                    models.CharField(
                        choices=[
                            ("open", "Open: anything is accepted"),
                            ("warn", "Warn: accepted, with warnings in the answer"),
                            ("strict", "Strict: refused"),
                        ],
                        default="strict",
                        max_length=6,
                    ),
                ),
                (
                    "sample",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="An example of the context (ctx).",
                    ),
                ),
                (
                    "sensitive_paths",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200),
                        blank=True,
                        default=list,
                        help_text="Paths in ctx that are never shown, for example reset.link.",
                        size=None,
                    ),
                ),
                (
                    "lane",
                    models.CharField(
                        choices=[
                            ("critical", "Critical"),
                            ("normal", "Normal"),
                            ("bulk", "Bulk"),
                        ],
                        default="normal",
                        max_length=8,
                    ),
                ),
                (
                    "ttl_seconds",
                    models.PositiveIntegerField(
                        default=432000,
                        help_text="Seconds after which an event is no longer worth sending.",
                    ),
                ),
                (
                    "channel_order",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("email", "Email"),
                                ("sms", "SMS"),
                                ("push", "Push"),
                            ],
                            max_length=8,
                        ),
                        default=events.models.default_channel_order,
                        size=None,
                    ),
                ),
                (
                    "fan_out",
                    models.BooleanField(
                        default=False,
                        help_text="Send on every channel with an address, not the first.",
                    ),
                ),
                (
                    "when_uncovered",
                    models.CharField(
                        choices=[
                            ("reject", "Refuse it (409)"),
                            ("store", "Store it as not covered"),
                        ],
                        default="reject",
                        max_length=6,
                    ),
                ),
                ("retention_days", models.PositiveSmallIntegerField(default=400)),
                (
                    "context_retention_days",
                    models.PositiveSmallIntegerField(default=30),
                ),
                (
                    "live_channels",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("email", "Email"),
                                ("sms", "SMS"),
                                ("push", "Push"),
                            ],
                            max_length=8,
                        ),
                        blank=True,
                        default=list,
                        editable=False,
                        help_text="Channels with a published or paused message; kept by publishing.",
                        size=None,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                    ),
                ),
                ("modified_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["name"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("lane__in", ["critical", "normal", "bulk"])
                        ),
                        name="events_eventtype_lane",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["event", "profile"])),
                        name="events_eventtype_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("contract_mode__in", ["open", "warn", "strict"])
                        ),
                        name="events_eventtype_contract_mode",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("when_uncovered__in", ["reject", "store"])),
                        name="events_eventtype_when_uncovered",
                    ),
                ],
            },
        ),
        CreatePartitionedModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=events.ids.new_event_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "type",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="events.eventtype",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="events.source",
                    ),
                ),
                (
                    "lane",
                    models.CharField(
                        choices=[
                            ("critical", "Critical"),
                            ("normal", "Normal"),
                            ("bulk", "Bulk"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        blank=True,
                        choices=[("email", "Email"), ("sms", "SMS"), ("push", "Push")],
                        help_text="The wished channel.",
                        max_length=8,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("processed", "Processed"),
                            ("ignored", "Ignored"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                            ("cancelled", "Cancelled"),
                            ("not_covered", "Not covered"),
                        ],
                        max_length=12,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=40)),
                ("external_id", models.CharField(blank=True, max_length=200)),
                ("correlation_id", models.CharField(blank=True, max_length=200)),
                ("origin", models.CharField(blank=True, max_length=100)),
                ("address", models.CharField(blank=True, max_length=320)),
                ("replay_of", models.UUIDField(blank=True, null=True)),
                ("scheduled_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "event history",
                "ordering": ["-id"],
            },
            partition_by="id",
            partition_storage={"fillfactor": 90},
        ),
        CreatePartitionedModel(
            name="EventContext",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="context",
                        serialize=False,
                        to="events.event",
                    ),
                ),
                ("ctx", models.JSONField()),
                (
                    "recipient",
                    models.JSONField(
                        help_text='{"email", "phone", "push": […], "name", "language", "timezone"}'
                    ),
                ),
                ("metadata", models.JSONField(default=dict)),
                (
                    "warnings",
                    models.JSONField(
                        default=list, help_text="As answered to the caller."
                    ),
                ),
            ],
            partition_by="event_id",
            partition_storage={},
        ),
        migrations.CreateModel(
            name="EventIdentity",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "kind",
                        "scope_id",
                        "key",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("external_id", "External id"),
                            ("idempotency_key", "Idempotency key"),
                        ],
                        max_length=16,
                    ),
                ),
                ("scope_id", models.BigIntegerField()),
                ("key", models.CharField(max_length=255)),
                ("event_id", models.UUIDField()),
                ("source_id", models.BigIntegerField(null=True)),
                ("fingerprint", models.BinaryField(max_length=32)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["external_id", "idempotency_key"])
                        ),
                        name="events_eventidentity_kind",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
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
                ("prefix", models.CharField(max_length=16, unique=True)),
                ("secret_hash", models.BinaryField(max_length=32)),
                ("last_four", models.CharField(max_length=4)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("events:write", "Post events"),
                                ("events:read", "Read events"),
                                ("events:critical", "Choose the critical lane"),
                                ("deliveries:read", "Read deliveries"),
                                ("content:read", "Read messages as sent"),
                                ("messages:preview", "Preview messages"),
                                ("messages:proof", "Send proofs"),
                                ("suppressions:read", "Read the suppression list"),
                                ("suppressions:write", "Change the suppression list"),
                                ("webhooks:read", "Read webhooks"),
                                ("webhooks:write", "Change webhooks"),
                            ],
                            max_length=40,
                        ),
                        default=events.models.all_scopes,
                        size=None,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                    ),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(editable=False, null=True)),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="keys",
                        to="events.source",
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "ordering": ["source", "-created_at"],
            },
        ),
        migrations.CreateModel(
            name="Work",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("event_id", models.UUIDField()),
                (
                    "lane",
                    models.CharField(
                        choices=[
                            ("critical", "Critical"),
                            ("normal", "Normal"),
                            ("bulk", "Bulk"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "stage",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("paused", "Paused"),
                            ("not_covered", "Not covered"),
                            ("queued", "Queued"),
                            ("sending", "Sending"),
                            ("retry", "Retry"),
                            ("held", "Held"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        blank=True,
                        choices=[("email", "Email"), ("sms", "SMS"), ("push", "Push")],
                        max_length=8,
                    ),
                ),
                ("address", models.CharField(blank=True, max_length=512)),
                ("version_id", models.BigIntegerField(null=True)),
                ("pinned_at", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("lease_no", models.BigIntegerField(default=0)),
                ("lease_owner", models.CharField(blank=True, max_length=120)),
                ("lease_size", models.PositiveSmallIntegerField(default=0)),
                ("begun", models.BigIntegerField(default=0)),
                ("deaths", models.PositiveSmallIntegerField(default=0)),
                ("marked_at", models.DateTimeField(null=True)),
                ("possible_duplicate", models.BooleanField(default=False)),
                ("retry_of", models.UUIDField(null=True)),
                (
                    "type",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="events.eventtype",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "work",
            },
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["type", "-id"], name="events_event_by_type"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("address", ""), _negated=True),
                fields=["address", "-id"],
                name="events_event_by_address",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=["external_id"],
                name="events_event_by_external_id",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("outcome__in", ["", "processed"]), _negated=True),
                fields=["outcome", "-id"],
                name="events_event_by_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(("lane__in", ["critical", "normal", "bulk"])),
                name="events_event_lane",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "outcome__in",
                        [
                            "",
                            "processed",
                            "ignored",
                            "failed",
                            "expired",
                            "cancelled",
                            "not_covered",
                        ],
                    )
                ),
                name="events_event_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at", None), ("outcome", "")),
                    models.Q(
                        models.Q(("outcome", ""), _negated=True),
                        ("finished_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="events_event_finished_with_outcome",
            ),
        ),
        migrations.AddIndex(
            model_name="work",
            index=models.Index(
                fields=["lane", "type", "due_at"], name="events_work_due"
            ),
        ),
        migrations.AddIndex(
            model_name="work",
            index=models.Index(
                condition=models.Q(("stage__in", ["paused", "not_covered", "held"])),
                fields=["type", "stage"],
                name="events_work_parked",
            ),
        ),
        migrations.AddConstraint(
            model_name="work",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "stage__in",
                        [
                            "pending",
                            "paused",
                            "not_covered",
                            "queued",
                            "sending",
                            "retry",
                            "held",
                        ],
                    )
                ),
                name="events_work_stage",
            ),
        ),
        migrations.AddConstraint(
            model_name="work",
            constraint=models.CheckConstraint(
                condition=models.Q(("lane__in", ["critical", "normal", "bulk"])),
                name="events_work_lane",
            ),
        ),
        migrations.RunSQL(
            "CREATE SEQUENCE events_work_lease", "DROP SEQUENCE events_work_lease"
        ),
        # Hot and small: room for updates within a page, and vacuum by number of dead rows.
        migrations.RunSQL(
            """
            ALTER TABLE events_work SET (
                fillfactor = 50, autovacuum_vacuum_scale_factor = 0,
                autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
                autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000
            )
            """,
            migrations.RunSQL.noop,
        ),
    ]
