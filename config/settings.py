"""All settings; the environment is read here and nowhere else.

Without any environment the product runs on this machine alone: embedded services
under `TXMSG_HOME`, loopback hosts, a secret key made once. With `DATABASE_URL` given
it is a deployment: `SECRET_KEY` and `ALLOWED_HOSTS` must be given too.
"""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

from txmsg.embedded import Home, inbox_url

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
TXMSG_HOME = Path(env.str("TXMSG_HOME", default=str(BASE_DIR / "var"))).resolve()

_home = Home(TXMSG_HOME)
_LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]

# Services: given by URL, else embedded under TXMSG_HOME.
TXMSG_EMBEDDED_DATABASE = not env.str("DATABASE_URL", default="")
TXMSG_EMBEDDED_REDIS = not env.str("REDIS_URL", default="")
TXMSG_EMBEDDED_INBOX = not env.str("EMAIL_URL", default="")
DATABASE_URL = env.str("DATABASE_URL", default="") or _home.database_url
REDIS_URL = env.str("REDIS_URL", default="") or _home.redis_url

DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
SECRET_KEY = env.str("SECRET_KEY", default="")
if TXMSG_EMBEDDED_DATABASE:
    ALLOWED_HOSTS = ALLOWED_HOSTS or _LOOPBACK
    SECRET_KEY = SECRET_KEY or _home.secret_key()
else:
    _missing = [
        name
        for name, value in [
            ("SECRET_KEY", SECRET_KEY),
            ("ALLOWED_HOSTS", ALLOWED_HOSTS),
        ]
        if not value
    ]
    if _missing:
        message = (
            f"DATABASE_URL is given, so {' and '.join(_missing)} must be given too "
            "(see .env.example)."
        )
        raise ImproperlyConfigured(message)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# HTTPS is required as soon as any host is not this machine.
TXMSG_HTTPS = env.bool(
    "TXMSG_HTTPS", default=any(host not in _LOOPBACK for host in ALLOWED_HOSTS)
)
SECURE_SSL_REDIRECT = TXMSG_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TXMSG_HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if TXMSG_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = TXMSG_HTTPS
SECURE_HSTS_PRELOAD = TXMSG_HTTPS
SESSION_COOKIE_SECURE = TXMSG_HTTPS
CSRF_COOKIE_SECURE = TXMSG_HTTPS
SESSION_COOKIE_AGE = 8 * 3600
# The proxies, as networks, whose X-Forwarded-For says from where an API key is used.
TXMSG_PROXIES = env.list("TXMSG_PROXIES", default=[])
for _proxy in TXMSG_PROXIES:
    try:
        ip_network(_proxy, strict=False)
    except ValueError:
        message = f"TXMSG_PROXIES takes networks such as 10.0.0.0/8, not {_proxy!r}."
        raise ImproperlyConfigured(message) from None
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_ace",
    "django_rq",
    "events",
    "templates_app",
    "history",
    "txmsg",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Ours before unfold's: some of its pieces are written anew there.
        "DIRS": [BASE_DIR / "txmsg" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# No transaction of ours idles: one that does belongs to a frozen process, and others
# wait for its locks. What we prepare (events.statements, nothing else) is planned once,
# whatever its values: planning a statement took longer than running it.
_database = env.db_url_config(DATABASE_URL)
_database["OPTIONS"] = {
    "options": "-c idle_in_transaction_session_timeout=15s"
    " -c plan_cache_mode=force_generic_plan",
    **_database.get("OPTIONS", {}),
}
DATABASES = {
    "default": {
        **_database,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# RQ carries doorbells only: lane names, never data. A doorbell must not keep a request
# waiting; workers have their own patience. It stands in the address, for django-rq
# takes nothing else beside one.
_PATIENCE = "socket_connect_timeout=0.1&socket_timeout=0.1"
RQ_QUEUES = {
    lane: {
        "URL": f"{REDIS_URL}{'&' if '?' in REDIS_URL else '?'}{_PATIENCE}",
        "DEFAULT_TIMEOUT": 120,
        "SERIALIZER": "rq.serializers.JSONSerializer",
    }
    for lane in ("critical", "normal", "bulk", "authoring")
}

# Enqueue at once: events.doorbell itself waits for the commit, and survives a failure.
RQ = {"COMMIT_MODE": "auto"}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

LANGUAGE_CODE = "en"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True

# The admin. Contrast is at least 4.5:1 wherever unfold writes in these colours.
UNFOLD = {
    "SITE_TITLE": "txmsg",
    "SITE_HEADER": "txmsg",
    "SITE_SUBHEADER": "Transactional messaging",
    "SITE_SYMBOL": "outgoing_mail",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("templates_app/icon.svg"),
        }
    ],
    "STYLES": [lambda _request: static("templates_app/authoring.css")],
    "COLORS": {
        "primary": {
            "50": "#f0f9f6",
            "100": "#d8f0e8",
            "200": "#b3e1d2",
            "300": "#80cbb5",
            "400": "#4fb79b",
            "500": "#35a387",
            "600": "#0f6d57",
            "700": "#0d5847",
            "800": "#0e463a",
            "900": "#0d3a31",
            "950": "#06211c",
        }
    },
    "DASHBOARD_CALLBACK": "txmsg.admin.navigation.start_page",
    "SIDEBAR": {"navigation": "txmsg.admin.navigation.sidebar"},
    "TABS": "txmsg.admin.navigation.tabs",
}

# Sending. Without EMAIL_URL, mail goes to the inbox that `up` runs.
EMAIL_URL = env.str("EMAIL_URL", default="") or inbox_url(_home)
DEFAULT_FROM_EMAIL = env.str(
    "DEFAULT_FROM_EMAIL", default="txmsg <no-reply@txmsg.example>"
)
# Hosts that may give attachments over http and from private networks; all others must
# be public and speak https.
TXMSG_ATTACHMENT_HOSTS = env.list("TXMSG_ATTACHMENT_HOSTS", default=[])
# Hosts that may be told by webhooks over http, at any port and in private networks; all
# others must be public and speak https. How long what was told is kept.
TXMSG_WEBHOOK_HOSTS = env.list("TXMSG_WEBHOOK_HOSTS", default=[])
TXMSG_WEBHOOK_DAYS = env.int("TXMSG_WEBHOOK_DAYS", default=14)
# Under which address the world reaches this server: images in mails are loaded there.
TXMSG_LOCAL_URL = "http://127.0.0.1:8000"
TXMSG_PUBLIC_URL = env.str("TXMSG_PUBLIC_URL", default="").rstrip("/") or (
    f"https://{ALLOWED_HOSTS[0].lstrip('.*')}" if TXMSG_HTTPS else TXMSG_LOCAL_URL
)
MEDIA_ROOT = TXMSG_HOME / "media"
TXMSG_CHANNELS = {
    "email": "txmsg.channels.email.EmailChannel",
    "sms": "txmsg.channels.capture.CaptureChannel",
    "push": "txmsg.channels.capture.CaptureChannel",
}
# Empty: proofs go to every domain.
TXMSG_PROOF_DOMAINS = env.list("TXMSG_PROOF_DOMAINS", default=[])

# The pipeline.
TXMSG_BATCH_SIZE = env.int("TXMSG_BATCH_SIZE", default=500)
TXMSG_WAVE_SIZE = env.int("TXMSG_WAVE_SIZE", default=50)
TXMSG_LEASE_SECONDS = env.int("TXMSG_LEASE_SECONDS", default=60)
TXMSG_SEND_TIMEOUT_SECONDS = env.int("TXMSG_SEND_TIMEOUT_SECONDS", default=30)

# How many connections a worker keeps to a provider, and how many messages a second
# all workers together hand to it, by channel ("email=200,sms=10"; else no limit).
TXMSG_CONNECTIONS = {"email": 4} | {
    channel: int(number)
    for channel, _, number in (
        pair.partition("=") for pair in env.list("TXMSG_CONNECTIONS", default=[])
    )
}
TXMSG_PACE = {
    channel: float(number)
    for channel, _, number in (
        pair.partition("=") for pair in env.list("TXMSG_PACE", default=[])
    )
}
# Above this age of the oldest due row, in seconds, the bulk lane takes no more events.
TXMSG_BACKLOG_SECONDS = env.int("TXMSG_BACKLOG_SECONDS", default=900)
# Below this much free disk, in MB, no event is taken in; 0 never looks.
TXMSG_FREE_DISK_MB = env.int("TXMSG_FREE_DISK_MB", default=512)
# For how long the door keeps keys and event types in memory: within this time a
# revoked key ends to work. And how far apart, in seconds, a lane is rung for at least.
TXMSG_INTAKE_CACHE_SECONDS = 1.0
TXMSG_RING_SECONDS = 0.005
# Whether callers of Adobe Campaign may post in its way, to its addresses.
TXMSG_ADOBE_ALIAS = env.bool("TXMSG_ADOBE_ALIAS", default=False)
# A folder in which the crash drill says where a process is to die; empty elsewhere.
TXMSG_FAILPOINTS = env.str("TXMSG_FAILPOINTS", default="")

TXMSG_DRILL_URL = env.str("TXMSG_DRILL_URL", default="")
if TXMSG_FAILPOINTS and TXMSG_DRILL_URL:
    TXMSG_CHANNELS |= {
        "sms": "txmsg.crashdrill.http_channel.PlainChannel",
        "push": "txmsg.crashdrill.http_channel.KeyedChannel",
    }

# The drill freezes processes past their lease, and cannot wait so long.
_spare = 1 if TXMSG_FAILPOINTS else 10
if TXMSG_SEND_TIMEOUT_SECONDS + _spare > TXMSG_LEASE_SECONDS:
    message = (
        "TXMSG_LEASE_SECONDS must be at least 10 more than TXMSG_SEND_TIMEOUT_SECONDS: "
        "a lease must outlive the sending of a wave."
    )
    raise ImproperlyConfigured(message)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}
    },
    "filters": {
        "not_said_by_us": {"()": "txmsg.log_filters.NotSaidByUs"},
        "one_line_warning": {"()": "txmsg.log_filters.OneLineWarning"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        **{
            name: {"level": env.str("TXMSG_LOG_LEVEL", default="INFO")}
            for name in ("txmsg", "events", "history", "templates_app")
        },
        "django.request": {"filters": ["not_said_by_us"]},
        "django.security.DisallowedHost": {"filters": ["one_line_warning"]},
    },
}
