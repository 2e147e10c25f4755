"""Whoever sees event history sees refused requests: the three groups of 0002."""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GROUPS = ("author", "publisher", "viewer")


def let_them_see(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give the permission; Django makes permissions only after the last migration."""
    using = schema_editor.connection.alias
    config = apps.get_app_config("events")
    # As Django does for apps with models; here it has not loaded them itself.
    config.models_module = True
    create_permissions(config, using=using, apps=apps, verbosity=0)
    config.models_module = None
    permission = (
        apps.get_model("auth", "Permission")
        .objects.using(using)
        .get(
            content_type__app_label="events",
            content_type__model="refusedrequest",
            codename="view_refusedrequest",
        )
    )
    for group in (
        apps.get_model("auth", "Group").objects.using(using).filter(name__in=GROUPS)
    ):
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0006_refused_requests"),
        ("txmsg", "0002_roles"),
    ]

    # Permissions go with their model when it is undone.
    operations = [migrations.RunPython(let_them_see, migrations.RunPython.noop)]
