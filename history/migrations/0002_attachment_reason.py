"""A further reason; what is written already had to be one of the old ones."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0002_eventsample"),
        ("history", "0001_initial"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="delivery",
            name="history_delivery_reason",
        ),
        migrations.AlterField(
            model_name="delivery",
            name="reason",
            field=models.CharField(
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
                    ("soft_bounce", "The recipient's server refused it for now."),
                    (
                        "rejected",
                        "The recipient's server refused the content for good.",
                    ),
                    ("attachment", "A file to be attached could not be fetched."),
                    ("invalid_address", "The address cannot be used on this channel."),
                    ("no_address", "The event holds no address for the channel."),
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
                    ("context_gone", "The event's data was purged before it was sent."),
                    ("ended_by_operator", "An operator ended it."),
                ],
                max_length=24,
            ),
        ),
        AddConstraintNotValid(
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
                            "attachment",
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
    ]
