"""The first tables."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from events.partitions import CreatePartitionedModel


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("events", "0001_initial"),
        ("templates_app", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Execution",
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
                ("month", models.DateField()),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="executions",
                        to="templates_app.message",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="templates_app.version",
                    ),
                ),
            ],
            options={
                "ordering": ["-month", "-id"],
            },
        ),
        CreatePartitionedModel(
            name="Delivery",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "Email"), ("sms", "SMS"), ("push", "Push")],
                        max_length=8,
                    ),
                ),
                ("address", models.CharField(max_length=512)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("sent", "Sent"),
                            ("failed", "Failed"),
                            ("excluded", "Excluded"),
                            ("expired", "Expired"),
                            ("cancelled", "Cancelled"),
                            ("uncertain", "Uncertain"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            (
                                "render_error",
                                "The message could not be rendered for this event.",
                            ),
                            (
                                "hard_bounce",
                                "The recipient's server refused the address for good.",
                            ),
                            (
                                "soft_bounce",
                                "The recipient's server refused it for now.",
                            ),
                            (
                                "rejected",
                                "The recipient's server refused the content for good.",
                            ),
                            (
                                "invalid_address",
                                "The address cannot be used on this channel.",
                            ),
                            (
                                "no_address",
                                "The event holds no address for the channel.",
                            ),
                            ("suppressed", "The address is on the suppression list."),
                            ("exhausted", "Every try failed and no more were due."),
                            ("expired", "It was not worth sending any more."),
                            ("cancelled", "It was cancelled before it left."),
                            (
                                "crash",
                                "The worker died each of the three times it handled this alone.",
                            ),
                            (
                                "unknown_outcome",
                                "A crash or a lost connection hid whether it was sent; it often was.",
                            ),
                            ("route_down", "The provider could not be reached."),
                            (
                                "no_published_message",
                                "No message was published for its event type and channel.",
                            ),
                            (
                                "context_gone",
                                "The event's data was purged before it was sent.",
                            ),
                            ("ended_by_operator", "An operator ended it."),
                        ],
                        max_length=24,
                    ),
                ),
                (
                    "detail",
                    models.TextField(
                        blank=True,
                        help_text="For a render error: what, in which line, which path.",
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField()),
                (
                    "claimed_at",
                    models.DateTimeField(
                        help_text="When its version was pinned; templates see this as now.",
                        null=True,
                    ),
                ),
                ("marked_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField()),
                ("provider", models.CharField(blank=True, max_length=40)),
                ("provider_id", models.CharField(blank=True, max_length=200)),
                ("answer", models.CharField(blank=True, max_length=500)),
                ("digest", models.BinaryField(max_length=16, null=True)),
                ("possible_duplicate", models.BooleanField(default=False)),
                ("lease_no", models.BigIntegerField()),
                ("retry_of", models.UUIDField(null=True)),
                (
                    "resolved_as",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("sent", "It arrived"),
                            ("not_sent", "It did not arrive"),
                            ("sent_again", "It was sent again"),
                        ],
                        max_length=10,
                    ),
                ),
                ("resolved_at", models.DateTimeField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("bounced_at", models.DateTimeField(null=True)),
                ("complained_at", models.DateTimeField(null=True)),
                (
                    "event",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="deliveries",
                        to="events.event",
                    ),
                ),
                (
                    "execution",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="history.execution",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["-id"],
            },
            partition_by="id",
            partition_storage={},
        ),
        CreatePartitionedModel(
            name="Attempt",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "delivery_id",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("delivery_id", models.UUIDField()),
                ("number", models.PositiveSmallIntegerField()),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("sent", "Sent"),
                            ("transient", "Refused for now"),
                            ("permanent", "Refused for good"),
                            ("route", "Provider not reached"),
                            ("unknown", "Unknown"),
                        ],
                        max_length=10,
                    ),
                ),
                ("provider", models.CharField(blank=True, max_length=40)),
                ("answer", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                ["sent", "transient", "permanent", "route", "unknown"],
                            )
                        ),
                        name="history_attempt_outcome",
                    )
                ],
            },
            partition_by="delivery_id",
            partition_storage={},
        ),
        migrations.CreateModel(
            name="Suppression",
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
                    "channel",
                    models.CharField(
                        choices=[("email", "Email"), ("sms", "SMS"), ("push", "Push")],
                        max_length=8,
                    ),
                ),
                (
                    "address",
                    models.CharField(
                        help_text="Normalized: email in lower case, phone as E.164.",
                        max_length=512,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("hard_bounce", "The address does not exist"),
                            ("complaint", "The recipient complained"),
                            ("unsubscribe", "The recipient unsubscribed"),
                            ("manual", "Added by hand"),
                        ],
                        default="manual",
                        max_length=12,
                    ),
                ),
                ("note", models.TextField(blank=True)),
                (
                    "delivery_id",
                    models.UUIDField(blank=True, editable=False, null=True),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "execution_id",
                        "hour",
                        "status",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("hour", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("sent", "Sent"),
                            ("failed", "Failed"),
                            ("excluded", "Excluded"),
                            ("expired", "Expired"),
                            ("cancelled", "Cancelled"),
                            ("uncertain", "Uncertain"),
                        ],
                        max_length=10,
                    ),
                ),
                ("count", models.PositiveIntegerField()),
                (
                    "execution",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tallies",
                        to="history.execution",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "tallies",
            },
        ),
        migrations.AddConstraint(
            model_name="execution",
            constraint=models.UniqueConstraint(
                fields=("version", "month"), name="history_execution_version_month"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["execution", "-id"], name="history_delivery_by_execution"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["address", "-id"], name="history_delivery_by_address"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("resolved_as", ""), ("status", "uncertain")),
                fields=["-id"],
                name="history_delivery_uncertain",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "sent",
                            "failed",
                            "excluded",
                            "expired",
                            "cancelled",
                            "uncertain",
                        ],
                    )
                ),
                name="history_delivery_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "reason__in",
                        [
                            "",
                            "render_error",
                            "hard_bounce",
                            "soft_bounce",
                            "rejected",
                            "invalid_address",
                            "no_address",
                            "suppressed",
                            "exhausted",
                            "expired",
                            "cancelled",
                            "crash",
                            "unknown_outcome",
                            "route_down",
                            "no_published_message",
                            "context_gone",
                            "ended_by_operator",
                        ],
                    )
                ),
                name="history_delivery_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status", "sent"),
                    models.Q(("reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="history_delivery_unsent_has_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("possible_duplicate", False),
                    ("status__in", ["sent", "uncertain"]),
                    _connector="OR",
                ),
                name="history_delivery_flagged_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("resolved_as__in", ["", "sent", "not_sent", "sent_again"])
                ),
                name="history_delivery_resolved_as",
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.UniqueConstraint(
                fields=("channel", "address"), name="history_suppression_address"
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "reason__in",
                        ["hard_bounce", "complaint", "unsubscribe", "manual"],
                    )
                ),
                name="history_suppression_reason",
            ),
        ),
        migrations.AddIndex(
            model_name="tally",
            index=models.Index(models.F("hour"), name="history_tally_by_hour"),
        ),
        migrations.AddConstraint(
            model_name="tally",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "sent",
                            "failed",
                            "excluded",
                            "expired",
                            "cancelled",
                            "uncertain",
                        ],
                    )
                ),
                name="history_tally_status",
            ),
        ),
        # A final delivery never changes its state; only facts learnt later may be added.
        migrations.RunSQL(
            """
            CREATE FUNCTION history_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION '% is append-only: row % cannot change', TG_TABLE_NAME, OLD
                    USING ERRCODE = 'integrity_constraint_violation';
            END $$;
            CREATE TRIGGER history_delivery_is_final BEFORE UPDATE ON history_delivery
                FOR EACH ROW WHEN (
                    (OLD.id, OLD.event_id, OLD.execution_id, OLD.channel, OLD.address, OLD.status, OLD.reason, OLD.detail, OLD.attempts, OLD.claimed_at, OLD.marked_at, OLD.finished_at, OLD.provider, OLD.provider_id, OLD.answer, OLD.digest, OLD.possible_duplicate, OLD.lease_no, OLD.retry_of)
                    IS DISTINCT FROM
                    (NEW.id, NEW.event_id, NEW.execution_id, NEW.channel, NEW.address, NEW.status, NEW.reason, NEW.detail, NEW.attempts, NEW.claimed_at, NEW.marked_at, NEW.finished_at, NEW.provider, NEW.provider_id, NEW.answer, NEW.digest, NEW.possible_duplicate, NEW.lease_no, NEW.retry_of)
                ) EXECUTE FUNCTION history_refuse_change();
            CREATE TRIGGER history_attempt_is_final BEFORE UPDATE ON history_attempt
                FOR EACH ROW EXECUTE FUNCTION history_refuse_change();
            """,
            """
            DROP TRIGGER history_attempt_is_final ON history_attempt;
            DROP TRIGGER history_delivery_is_final ON history_delivery;
            DROP FUNCTION history_refuse_change();
            """,
        ),
    ]
