"""Three groups: who writes, who publishes, who looks.

A group of one of these names that is there already keeps what it may and gets the rest.
"""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

OUR_APPS = ("events", "templates_app", "history", "txmsg")
SEEN = {
    "events": ("event", "eventsample", "eventtype"),
    "templates_app": (
        "contentblock",
        "contentblockversion",
        "folder",
        "image",
        "message",
        "mobileapp",
        "proof",
        "publicationlog",
        "template",
        "testprofile",
        "version",
    ),
    "history": ("attempt", "delivery", "execution", "suppression", "tally"),
}
WRITTEN = ("contentblock", "folder", "image", "message", "template", "testprofile")

VIEWER = {(app, f"view_{model}") for app, models in SEEN.items() for model in models}
AUTHOR = (
    VIEWER
    | {
        ("templates_app", f"{verb}_{model}")
        for verb in ("add", "change", "delete")
        for model in WRITTEN
    }
    # A message's event type is made, and its samples and contract written, beside it.
    | {("events", "add_eventtype"), ("events", "change_eventtype")}
    # Without a provider, proofs arrive in the Inbox.
    | {("templates_app", "proof_message"), ("txmsg", "view_inboxmessage")}
)
PUBLISHER = AUTHOR | {("templates_app", "publish_message")}
ROLES = {"author": AUTHOR, "publisher": PUBLISHER, "viewer": VIEWER}


def create_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the groups; Django makes permissions only after the last migration."""
    using = schema_editor.connection.alias
    for label in OUR_APPS:
        config = apps.get_app_config(label)
        # As Django does for apps with models; here it has not loaded them itself.
        config.models_module = True
        create_permissions(config, using=using, apps=apps, verbosity=0)
        config.models_module = None
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    rows = permission_model.objects.using(using).filter(
        content_type__app_label__in=OUR_APPS
    )
    ids = {
        (app, codename): pk
        for pk, app, codename in rows.values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    for name, wanted in ROLES.items():
        group, _ = group_model.objects.using(using).get_or_create(name=name)
        group.permissions.add(*(ids[each] for each in sorted(wanted)))


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("events", "0002_eventsample"),
        ("templates_app", "0003_authoring"),
        ("history", "0001_initial"),
        ("txmsg", "0001_initial"),
    ]

    # Groups stay when it is undone: somebody may have been given one.
    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
