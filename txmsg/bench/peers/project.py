"""The Django settings of the yardsticks, each as its own documentation advises.

What differs from one run to the next stands in the environment.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs, urlsplit

_database = urlsplit(os.environ["YARDSTICK_DATABASE"])
REDIS_URL = os.environ["YARDSTICK_REDIS"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path.lstrip("/"),
        "USER": _database.username,
        "HOST": parse_qs(_database.query)["host"][0],
        "PORT": str(_database.port),
        "CONN_MAX_AGE": None,
    }
}
SECRET_KEY = "of a benchmark that ends with its data"  # noqa: S105
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "post_office",
    "mailer",
    "txmsg.bench.peers.naive",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"builtins": ["txmsg.bench.peers.filters"]},
    },
    # The engine that django-post_office renders with.
    {
        "BACKEND": "post_office.template.backends.post_office.PostOfficeTemplates",
        "NAME": "post_office",
        "APP_DIRS": True,
        "DIRS": [],
        "OPTIONS": {"builtins": ["txmsg.bench.peers.filters"]},
    },
]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DEFAULT_FROM_EMAIL = "Example shop <orders@shop.example.com>"
EMAIL_HOST = "127.0.0.1"
EMAIL_PORT = int(os.environ["YARDSTICK_SMTP_PORT"])

# Large batches, nothing logged, threads that keep their connections (its README,
# "Performance" and "Threads"); measured the fastest of what it offers.
POST_OFFICE = {
    "BATCH_SIZE": 1000,
    "THREADS_PER_PROCESS": 5,
    "LOG_LEVEL": 0,
    "TEMPLATE_ENGINE": "post_office",
    "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
}
MAILER_USE_FILE_LOCK = False
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": "WARNING"},
    "loggers": {
        name: {"level": "WARNING"} for name in ("post_office", "mailer", "rq.worker")
    },
}
