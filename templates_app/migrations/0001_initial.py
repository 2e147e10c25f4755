"""The first tables."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import templates_app.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("events", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Folder",
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
                ("name", models.CharField(max_length=80)),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="templates_app.folder",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Template",
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
                ("label", models.CharField(max_length=120)),
                (
                    "internal_name",
                    models.SlugField(
                        help_text="Unique; used by the API and packages.",
                        max_length=64,
                        unique=True,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "Email"), ("sms", "SMS"), ("push", "Push")],
                        max_length=8,
                    ),
                ),
                ("nature", models.CharField(blank=True, max_length=60)),
                ("description", models.TextField(blank=True)),
                (
                    "delivery_code",
                    models.CharField(
                        blank=True,
                        help_text="Free code to group reports by.",
                        max_length=60,
                    ),
                ),
                (
                    "context_sample",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="An example of the event's context (ctx).",
                    ),
                ),
                ("default_language", models.CharField(default="en", max_length=12)),
                (
                    "content",
                    models.JSONField(
                        default=templates_app.models.default_content,
                        help_text='By language: {"en": {"subject": …, "source_kind": …, "source": …}}.',
                    ),
                ),
                (
                    "unknown_outcome",
                    models.CharField(
                        choices=[
                            ("must_arrive", "Must arrive: a second copy is acceptable"),
                            ("never_twice", "Never twice: end as uncertain"),
                            ("ask", "Ask: hold it for an operator"),
                        ],
                        default="must_arrive",
                        max_length=12,
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
                ("is_builtin", models.BooleanField(default=False, editable=False)),
                (
                    "folder",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="templates_app.folder",
                    ),
                ),
                (
                    "modified_by",
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
                "ordering": ["label"],
            },
        ),
        migrations.CreateModel(
            name="Message",
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
                ("label", models.CharField(max_length=120)),
                (
                    "internal_name",
                    models.SlugField(
                        help_text="Unique; used by the API and packages.",
                        max_length=64,
                        unique=True,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "Email"), ("sms", "SMS"), ("push", "Push")],
                        max_length=8,
                    ),
                ),
                ("nature", models.CharField(blank=True, max_length=60)),
                ("description", models.TextField(blank=True)),
                (
                    "delivery_code",
                    models.CharField(
                        blank=True,
                        help_text="Free code to group reports by.",
                        max_length=60,
                    ),
                ),
                (
                    "context_sample",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="An example of the event's context (ctx).",
                    ),
                ),
                ("default_language", models.CharField(default="en", max_length=12)),
                (
                    "content",
                    models.JSONField(
                        default=templates_app.models.default_content,
                        help_text='By language: {"en": {"subject": …, "source_kind": …, "source": …}}.',
                    ),
                ),
                (
                    "unknown_outcome",
                    models.CharField(
                        choices=[
                            ("must_arrive", "Must arrive: a second copy is acceptable"),
                            ("never_twice", "Never twice: end as uncertain"),
                            ("ask", "Ask: hold it for an operator"),
                        ],
                        default="must_arrive",
                        max_length=12,
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
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("published", "Published"),
                            ("paused", "Paused"),
                        ],
                        default="draft",
                        editable=False,
                        max_length=10,
                    ),
                ),
                (
                    "has_unpublished_changes",
                    models.BooleanField(default=True, editable=False),
                ),
                (
                    "published_at",
                    models.DateTimeField(blank=True, editable=False, null=True),
                ),
                (
                    "deleted_at",
                    models.DateTimeField(blank=True, editable=False, null=True),
                ),
                (
                    "opened_at",
                    models.DateTimeField(
                        blank=True, db_index=True, editable=False, null=True
                    ),
                ),
                (
                    "event_type",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="messages",
                        to="events.eventtype",
                    ),
                ),
                (
                    "folder",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="templates_app.folder",
                    ),
                ),
                (
                    "modified_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="templates_app.template",
                    ),
                ),
            ],
            options={
                "ordering": ["label"],
            },
        ),
        migrations.CreateModel(
            name="Version",
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
                ("number", models.PositiveIntegerField()),
                ("label", models.CharField(max_length=120)),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "Email"), ("sms", "SMS"), ("push", "Push")],
                        max_length=8,
                    ),
                ),
                ("default_language", models.CharField(max_length=12)),
                (
                    "content",
                    models.JSONField(help_text="The source by language, as edited."),
                ),
                (
                    "compiled",
                    models.JSONField(help_text="The compiled content by language."),
                ),
                (
                    "unknown_outcome",
                    models.CharField(
                        choices=[
                            ("must_arrive", "Must arrive: a second copy is acceptable"),
                            ("never_twice", "Never twice: end as uncertain"),
                            ("ask", "Ask: hold it for an operator"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "properties",
                    models.JSONField(
                        default=dict,
                        help_text="Internal name, nature, delivery code as published.",
                    ),
                ),
                ("contract", models.JSONField()),
                ("sensitive_paths", models.JSONField(default=list)),
                ("content_hash", models.CharField(max_length=64)),
                ("note", models.TextField(blank=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="templates_app.message",
                    ),
                ),
            ],
            options={
                "ordering": ["message", "-number"],
            },
        ),
        migrations.CreateModel(
            name="PublicationLog",
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
                    "action",
                    models.CharField(
                        choices=[
                            ("published", "Published"),
                            ("paused", "Paused"),
                            ("resumed", "Resumed"),
                            ("unpublished", "Unpublished"),
                        ],
                        max_length=12,
                    ),
                ),
                ("note", models.TextField(blank=True)),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                (
                    "actor",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="publication_log",
                        to="templates_app.message",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="templates_app.version",
                    ),
                ),
            ],
            options={
                "ordering": ["-at"],
            },
        ),
        migrations.AddField(
            model_name="message",
            name="live_version",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="templates_app.version",
            ),
        ),
        migrations.AddConstraint(
            model_name="folder",
            constraint=models.UniqueConstraint(
                fields=("parent", "name"),
                name="templates_app_folder_unique_name",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="template",
            constraint=models.CheckConstraint(
                condition=models.Q(("channel__in", ["email", "sms", "push"])),
                name="templates_app_template_channel",
            ),
        ),
        migrations.AddConstraint(
            model_name="template",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("unknown_outcome__in", ["must_arrive", "never_twice", "ask"])
                ),
                name="templates_app_template_unknown_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="version",
            constraint=models.UniqueConstraint(
                fields=("message", "number"), name="templates_app_version_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="publicationlog",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("action__in", ["published", "paused", "resumed", "unpublished"])
                ),
                name="templates_app_publicationlog_action",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(("channel__in", ["email", "sms", "push"])),
                name="templates_app_message_channel",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("unknown_outcome__in", ["must_arrive", "never_twice", "ask"])
                ),
                name="templates_app_message_unknown_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["draft", "published", "paused"])),
                name="templates_app_message_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "draft"), _negated=True),
                fields=("event_type", "channel"),
                name="templates_app_message_one_live",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status", "draft"),
                    models.Q(
                        ("deleted_at__isnull", True),
                        ("event_type__isnull", False),
                        ("live_version__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="templates_app_message_live_is_complete",
            ),
        ),
        migrations.RunSQL(
            """
            CREATE FUNCTION templates_app_refuse_change() RETURNS trigger
            LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'version % is immutable', OLD.id
                    USING ERRCODE = 'integrity_constraint_violation';
            END $$;
            CREATE TRIGGER templates_app_version_is_immutable
                BEFORE UPDATE ON templates_app_version
                FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
                EXECUTE FUNCTION templates_app_refuse_change();
            """,
            """
            DROP TRIGGER templates_app_version_is_immutable ON templates_app_version;
            DROP FUNCTION templates_app_refuse_change();
            """,
        ),
    ]
