"""Django's settings, derived from `environment.Environment`."""

import sys
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

import dj_database_url
import structlog
from csp.constants import NONCE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

from competition.environment import ROOT, Environment

try:
    ENVIRONMENT = Environment()
except ValidationError as error:
    raise ImproperlyConfigured(
        "\n".join(
            f"{'.'.join(map(str, e['loc'])).upper() or 'Environment'}: {e['msg']}" for e in error.errors()
        )
    ) from None

BASE_DIR = ROOT
DEBUG = ENVIRONMENT.debug
DEMO = ENVIRONMENT.demo
SECRET_KEY = ENVIRONMENT.secret_key.get_secret_value() if ENVIRONMENT.secret_key else "only-for-this-machine"
ALLOWED_HOSTS = ENVIRONMENT.allowed_hosts or ["localhost", "127.0.0.1", "[::1]"]
SITE_URL = ENVIRONMENT.site_url.rstrip("/")
CSRF_TRUSTED_ORIGINS = [SITE_URL] if SITE_URL else []

DATA_DIR = ENVIRONMENT.data_dir.resolve()
RELEASES_DIR = (ENVIRONMENT.releases_dir or DATA_DIR / "releases").resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)
RELEASES_DIR.mkdir(parents=True, exist_ok=True)

# --- Applications -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "competition.accounts",
    "competition.contests",
    "competition.datasets",
    "competition.submissions",
    "competition.leaderboards",
    "competition.organizing",
    "competition.api",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "django_htmx",
    "ninja",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "competition.request_log.RequestLogMiddleware",
    "competition.api.problems.ProblemMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "competition.contests.middleware.RefusalMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "competition.urls"
WSGI_APPLICATION = "competition.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "competition" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    }
]

# --- Database, cache, broker ------------------------------------------------------------------------------

if ENVIRONMENT.database_url:
    DATABASES = {
        "default": dj_database_url.parse(
            ENVIRONMENT.database_url.get_secret_value(), conn_max_age=60, conn_health_checks=True
        )
    }
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / "db.sqlite3")}}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # A transaction takes the write lock when it begins: what it counted stays true until it commits.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }

REDIS_URL = ENVIRONMENT.redis_url.get_secret_value() if ENVIRONMENT.redis_url else None
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

CELERY_TASK_IGNORE_RESULT = True
# The database is the truth and the broker a doorbell: a task may be lost, so it is never the only record.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "scoring"
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
else:
    # Kombu's filesystem transport: the demo needs no server.
    BROKER_DIR = DATA_DIR / "broker"
    for folder in ("queue", "processed", "control"):
        (BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_URL = "filesystem://localhost"  # without a host kombu warns each time
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "queue"),
        "data_folder_out": str(BROKER_DIR / "queue"),
        "processed_folder": str(BROKER_DIR / "processed"),
        "control_folder": str(BROKER_DIR / "control"),
        "store_processed": False,
        "polling_interval": 0.2,
    }
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "reclaim": {
        "task": "competition.submissions.tasks.reclaim",
        "schedule": ENVIRONMENT.reclaim_seconds,
        # A worker that was away must not work through a heap of old reminders.
        "options": {"expires": ENVIRONMENT.reclaim_seconds},
    },
    "reclaim_own_metrics": {
        "task": "competition.organizing.tasks.reclaim_own_metrics",
        "schedule": ENVIRONMENT.reclaim_seconds,
        "options": {"expires": ENVIRONMENT.reclaim_seconds},
    },
    "reclaim_rescorings": {
        "task": "competition.organizing.tasks.reclaim_rescorings",
        "schedule": ENVIRONMENT.reclaim_seconds,
        "options": {"expires": ENVIRONMENT.reclaim_seconds},
    },
}

LEASE_SECONDS = ENVIRONMENT.lease_seconds
RECLAIM_SECONDS = ENVIRONMENT.reclaim_seconds
SCORING_SECONDS = ENVIRONMENT.scoring_seconds
SCORING_DEVICE = ENVIRONMENT.scoring_device
METRIC_SECONDS = ENVIRONMENT.metric_seconds
METRIC_MEMORY_BYTES = ENVIRONMENT.metric_memory_bytes
METRIC_SCRATCH_BYTES = ENVIRONMENT.metric_scratch_bytes
METRIC_OUTPUT_BYTES = ENVIRONMENT.metric_output_bytes

# --- Files ------------------------------------------------------------------------------------------------

MEDIA_ROOT = DATA_DIR / "media"  # submissions: private, never mapped to a URL
MAX_UPLOAD_BYTES = ENVIRONMENT.max_upload_bytes
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024**2
# On the same disk as MEDIA_ROOT, so that storing an upload is a rename.
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "incoming"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)
FILE_UPLOAD_PERMISSIONS = 0o640
ACCEL_REDIRECT = ENVIRONMENT.accel_redirect

STATIC_URL = "static/"
STATIC_ROOT = ENVIRONMENT.static_root
STATICFILES_DIRS = [ROOT / "competition" / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "competition.datasets.bokeh_static.BokehFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if ENVIRONMENT.own_machine
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# Straight from where they are written: nothing needs to be collected.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = ENVIRONMENT.own_machine

# --- People -----------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_USERNAME_MIN_LENGTH = 2
ACCOUNT_USERNAME_BLACKLIST = ["admin", "administrator", "organizer", "staff", "tamago", "root"]
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Tamago] "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http" if ENVIRONMENT.own_machine else "https"
ACCOUNT_SESSION_REMEMBER = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
SOCIALACCOUNT_PROVIDERS = (
    {
        "openid_connect": {
            "APPS": [
                {
                    "provider_id": "orcid",
                    "name": "ORCID",
                    "client_id": ENVIRONMENT.orcid_client_id,
                    "secret": ENVIRONMENT.orcid_client_secret.get_secret_value()
                    if ENVIRONMENT.orcid_client_secret
                    else "",
                    "settings": {"server_url": "https://orcid.org"},
                }
            ]
        }
    }
    if ENVIRONMENT.orcid_client_id
    else {}
)

DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRONMENT.default_from_email
if ENVIRONMENT.email_url:
    _mail = urlsplit(ENVIRONMENT.email_url.get_secret_value())  # smtp[s]://user:password@host:port
    if _mail.scheme not in {"smtp", "smtps", "smtp+tls"} or not _mail.hostname:
        raise ImproperlyConfigured(
            "EMAIL_URL: expected smtp://, smtp+tls:// or smtps://user:password@host:port"
        )
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _mail.hostname, _mail.port or (465 if _mail.scheme == "smtps" else 587)
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
    EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.scheme == "smtps", _mail.scheme == "smtp+tls"
else:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
if not parseaddr(DEFAULT_FROM_EMAIL)[1]:
    raise ImproperlyConfigured(
        "DEFAULT_FROM_EMAIL: expected an address such as 'Tamago <tamago@example.org>'"
    )

# --- Language and time ------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ja", _("Japanese"))]
LOCALE_PATHS = [ROOT / "competition" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"  # pages carry UTC in <time>, the browser shows the visitor's own zone

# --- Security ---------------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        # Bokeh's shadow roots and htmx' indicator write style elements; no style can run code.
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": [SELF],
        "frame-ancestors": ["'none'"],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.secure_cookies and not ENVIRONMENT.own_machine
SECURE_HSTS_SECONDS = 31536000 if SESSION_COOKIE_SECURE else 0
if ENVIRONMENT.trust_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
NINJA_NUM_PROXIES = 1 if ENVIRONMENT.trust_proxy else 0  # whose word on a client's address counts

# --- Logs: events, not sentences --------------------------------------------------------------------------

_shared_processors: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*_shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([structlog.processors.format_exc_info] if ENVIRONMENT.log_format == "json" else []),
                structlog.processors.JSONRenderer()
                if ENVIRONMENT.log_format == "json"
                # Plain: rich tracebacks print local variables, and those may be somebody's.
                else structlog.dev.ConsoleRenderer(
                    colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
                ),
            ],
            "foreign_pre_chain": _shared_processors,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": ENVIRONMENT.log_level},
    "loggers": {"celery": {"level": "WARNING"}, "django.request": {"level": "ERROR"}},
}

if ENVIRONMENT.sentry_dsn:
    import sentry_sdk

    sentry_sdk.init(dsn=ENVIRONMENT.sentry_dsn.get_secret_value(), send_default_pii=False)
