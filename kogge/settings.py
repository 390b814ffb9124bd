"""All settings in one list. The environment decides; everything has a default that works embedded."""

from __future__ import annotations

import gc
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import platformdirs

from kogge import logs
from kogge.merchants.keyring import KeyRing

PACKAGE = Path(__file__).resolve().parent


def _private_file(path: Path, make: Any) -> str:
    """The text of a file only its owner may read, made on first use."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
        try:
            os.link(draft, path)  # whoever comes first wins; the others read the winner's
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


# A machine that loses its power says no goodbye. Both sides find out within half a minute, or its locks would
# outlive its leases.
_LINE: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "connect_timeout": 10,
    "options": "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    " -c idle_in_transaction_session_timeout=30s",
}


def _database(url: str) -> dict[str, Any]:
    """`postgres://user:password@host:port/name?options`, or SQLite in the data directory when empty."""
    if not url:
        DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "kogge.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=8000;"
                    "PRAGMA cache_size=-65536; PRAGMA journal_size_limit=67108864;"
                ),
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise SystemExit("DATABASE_URL: only postgres://… is supported; leave it empty for SQLite")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": _LINE | dict(parse_qsl(parts.query)),
    }


# --- where things are -------------------------------------------------------------------------

DATA_DIR = Path(os.environ.get("KOGGE_DATA_DIR") or platformdirs.user_data_dir("kogge", appauthor=False))
DATABASES = {"default": _database(os.environ.get("DATABASE_URL", ""))}

SECRET_KEY = os.environ.get("KOGGE_SECRET_KEY") or _private_file(
    DATA_DIR / "secret_key", lambda: secrets.token_urlsafe(48)
)
KOGGE_KEY_RING = KeyRing.parse(
    os.environ.get("KOGGE_KEYS") or _private_file(DATA_DIR / "keys", KeyRing.new_key)
)

# Amazon's hosts come from the region; these override them (demo, tests). Plain HTTP only for loopback.
KOGGE_AMAZON_API_URL = os.environ.get("KOGGE_AMAZON_API_URL", "")
KOGGE_AMAZON_LWA_URL = os.environ.get("KOGGE_AMAZON_LWA_URL", "")
KOGGE_AMAZON_CONSENT_URL = os.environ.get("KOGGE_AMAZON_CONSENT_URL", "")

# The queue Amazon puts its notifications into, if there is one: see the handbook. Credentials for it come
# from where AWS's own tools look for them. The endpoint is for a queue that is not at AWS (tests).
KOGGE_SQS_QUEUE_URL = os.environ.get("KOGGE_SQS_QUEUE_URL", "")
KOGGE_SQS_REGION = os.environ.get("KOGGE_SQS_REGION", "")
KOGGE_SQS_ENDPOINT_URL = os.environ.get("KOGGE_SQS_ENDPOINT_URL", "")

# --- web --------------------------------------------------------------------------------------

DEBUG = False
_LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = [host for host in os.environ.get("KOGGE_ALLOWED_HOSTS", "").split(",") if host] or _LOOPBACK
_ON_LOOPBACK = set(ALLOWED_HOSTS) <= set(_LOOPBACK)
# A merchant names the address of their shop: it leads to this machine only where nobody else reaches us.
KOGGE_SHOPS_ON_LOOPBACK = _ON_LOOPBACK

ROOT_URLCONF = "kogge.urls"
WSGI_APPLICATION = "kogge.wsgi.application"
INSTALLED_APPS = [
    "kogge.merchants",
    "kogge.engine",
    "kogge.backoffice",
    "kogge.backoffice.api",
    "kogge.backoffice.storefront",
    "kogge.remote",
    "kogge.amazon.connections",
    "kogge.amazon.journal",
    "kogge.amazon.catalog",
    "kogge.amazon.feeds",
    "kogge.amazon.orders",
    "kogge.amazon.offers",
    "kogge.amazon.fba",
    "kogge.amazon.notifications",
    "kogge.amazon.pages",
    "django_htmx",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    INSTALLED_APPS.append("procrastinate.contrib.django")  # its tables; SQLite needs no queue
    PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""
MIDDLEWARE = [
    "kogge.backoffice.pages.health.HealthFirst",
    "kogge.metrics.requests.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "kogge.merchants.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "kogge.merchants.middleware.MerchantMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "kogge.merchants.middleware.ContentSecurityPolicyMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "kogge.amazon.pages.installing.RegisteredFirst",
    "kogge.backoffice.elsewhere.ElsewhereMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "kogge.backoffice.menu.menu",
            ],
        },
    }
]

AUTH_USER_MODEL = "merchants.User"
AUTHENTICATION_BACKENDS = ["kogge.merchants.login.ThrottledBackend"]
AUTH_PASSWORD_VALIDATORS = [
    # Amazon's data protection policy asks for at least 12 characters.
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not _ON_LOOPBACK
SESSION_COOKIE_SAMESITE = "Lax"  # Amazon's consent page sends the browser back with a GET
SECURE_HSTS_SECONDS = 0 if _ON_LOOPBACK else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = not _ON_LOOPBACK
SECURE_SSL_REDIRECT = not _ON_LOOPBACK
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = None if _ON_LOOPBACK else ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

STATIC_URL = "static/"
# Served straight from the packages: no collecting step between `pip install` and the first page.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600

# --- words and times --------------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "de"
LANGUAGES = [("de", "Deutsch"), ("en", "English")]
LOCALE_PATHS = [PACKAGE / "amazon" / "locale", PACKAGE / "locale"]
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
USE_THOUSAND_SEPARATOR = True
FORMAT_MODULE_PATH = ["kogge.formats"]

# --- mail -------------------------------------------------------------------------------------


def _email(url: str) -> dict[str, Any]:
    """`smtp://user:password@host:port?from=shop@example.com` or `smtps://…`.

    Empty: mails stay in the outbox, where they can be read.
    """
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps"}:
        raise SystemExit("KOGGE_EMAIL_URL: smtp://… or smtps://…; leave it empty to keep mails in the outbox")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp" and bool(parts.username),
        "DEFAULT_FROM_EMAIL": dict(parse_qsl(parts.query)).get("from", unquote(parts.username or "")),
    }


globals().update(_email(os.environ.get("KOGGE_EMAIL_URL", "")))
EMAIL_TIMEOUT = 20

# --- memory -----------------------------------------------------------------------------------

# Python looks for cycles after every 700 new objects. A batch of rows makes a hundred thousand, none in a
# cycle: an import spends a quarter of its time on looking.
gc.set_threshold(50_000, 20, 100)

# --- logs -------------------------------------------------------------------------------------

LOGGING = logs.settings(
    os.environ.get("KOGGE_LOG_FORMAT") or "plain", os.environ.get("KOGGE_LOG_LEVEL") or "INFO"
)

# Who reads the figures at /metrics shows this; without it there is no such page.
KOGGE_METRICS_TOKEN = os.environ.get("KOGGE_METRICS_TOKEN", "")
