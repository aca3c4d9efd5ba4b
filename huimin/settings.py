"""One settings file; what differs between places comes from the environment (docs/operations.md)."""

from pathlib import Path

from csp.constants import NONE, SELF

from huimin import env

BASE_DIR = Path(__file__).resolve().parent.parent

# demo: run.py's own county; test: throw-away servers; production: everything must be given
ENVIRONMENT = env.choice("HUIMIN_ENV", ("production", "demo", "test"), default="production")
SECRET_KEY = env.text("HUIMIN_SECRET_KEY", "" if ENVIRONMENT == "production" else "not-a-secret-" + "0" * 50)
# {"current": "k1", "keys": {"k1": {"data": base64, "index": base64}}}; see huimin/core/crypto.py
KEYRING = env.text("HUIMIN_KEYRING")
COUNTY_CODE = env.text("HUIMIN_COUNTY", "341524000000")
DEBUG = env.flag("HUIMIN_DEBUG")
ALLOWED_HOSTS = env.words("HUIMIN_HOSTS", "" if ENVIRONMENT == "production" else "*")
CSRF_TRUSTED_ORIGINS = env.words("HUIMIN_ORIGINS")
# how many proxies in front of the web server append to X-Forwarded-For; 0 = the peer's address counts
TRUSTED_PROXIES = env.number("HUIMIN_TRUSTED_PROXIES", 0, least=0)
# what a service point's computer tells the public query once a day, so that limits by address spare it; "" = none
WINDOW_TOKEN = env.text("HUIMIN_WINDOW_TOKEN", "")
BACK_OFFICE = env.flag("HUIMIN_BACK_OFFICE", default=ENVIRONMENT != "production")
HTTPS = env.flag("HUIMIN_HTTPS", default=ENVIRONMENT == "production")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "django_htmx",
    "django_filters",
    "django_otp",
    "axes",
    "pgtrigger",
    "import_export",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "huimin.core",
    "subsidies",
    "recipients",
    "disbursement",
    "publicity",
    "huimin.demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "huimin.core.desk.middleware.BoundsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "huimin.core.desk.middleware.SignInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "huimin.core.desk.middleware.StaffMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "huimin.urls"
WSGI_APPLICATION = "huimin.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "huimin.core.desk.context.house",
            ],
            "builtins": ["huimin.core.templatetags.huimin"],
        },
    }
]

# The app role has no DDL and cannot change audit, ledger, payment lines or results; the owner role migrates.
DATABASE_OWNER_URL = env.text("DATABASE_OWNER_URL")
DATABASES = {
    "default": {
        **env.database(env.text("DATABASE_URL", "postgresql:///huimin")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "options": env.text(
                "HUIMIN_PG_OPTIONS", "-c statement_timeout=10s -c lock_timeout=5s -c jit=off"
            ),
        },
        "TEST": {"NAME": env.text("HUIMIN_TEST_DB", "test_huimin")},
    },
}
APP_DB_ROLE = "huimin_app"

REDIS_URL = env.text("REDIS_URL", "redis://127.0.0.1:6379")
_REDIS_IS_SOCKET = REDIS_URL.startswith("unix://")
_REDIS_PATH = REDIS_URL.removeprefix("unix://").partition("?")[0]
CELERY_BROKER_URL = f"redis+socket://{_REDIS_PATH}?virtual_host=0" if _REDIS_IS_SOCKET else f"{REDIS_URL}/0"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    "max_retries": 1,
}
CELERY_TIMEZONE = "Asia/Shanghai"
# long jobs and beat's short tasks have a queue and processes of their own each: sealing never stands behind an import
CELERY_TASK_DEFAULT_QUEUE = "jobs"
CHORES_QUEUE = "chores"
SKEW_SECONDS = 30  # by how much the clocks of two machines may differ before a task is thrown away unseen


def _every(seconds: int, task: str) -> dict[str, object]:
    """A short task; one that waited until the next came is forgotten, so that a stopped worker leaves no pile."""
    options = {"queue": CHORES_QUEUE, "expires": max(seconds, SKEW_SECONDS)}
    return {"task": task, "schedule": seconds, "options": options}


CELERY_BEAT_SCHEDULE = {
    "relay-outbox": _every(3, "core.relay_outbox"),
    "sweep-jobs": _every(15, "core.sweep_jobs"),
    "seal-audit": _every(10, "core.seal_audit"),
    "deliver-messages": _every(10, "core.deliver_messages"),
    "anchor-audit": _every(3600, "core.anchor_audit"),
    "forget-old": _every(3600, "core.forget_old"),
    "forget-query-counters": _every(3600, "publicity.forget_old"),
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"unix://{_REDIS_PATH}?db=1" if _REDIS_IS_SOCKET else f"{REDIS_URL}/1",
    }
}

AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "huimin.core.accounts.auth.RoleBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "huimin.core.accounts.auth.ThreeKindsValidator"},
]
LOGIN_URL = "core:login"
LOGIN_REDIRECT_URL = "core:workbench"
LOGOUT_REDIRECT_URL = "core:login"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_IDLE_SECONDS = 15 * 60 if ENVIRONMENT == "production" else 4 * 3600
SESSION_MOST_SECONDS = 12 * 3600  # from the login, however busy
STEP_UP_SECONDS = 10 * 60
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
CSRF_COOKIE_HTTPONLY = True  # scripts take the token from the page
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "huimin.core.desk.errors.csrf_failure"
AXES_HANDLER = "axes.handlers.database.AxesDatabaseHandler"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_LOCKOUT_CALLABLE = "huimin.core.accounts.auth.locked_out"
AXES_VERBOSE = False
AXES_CLIENT_IP_CALLABLE = "huimin.core.accounts.auth.counted_address"
AXES_USERNAME_CALLABLE = "huimin.core.accounts.auth.counted_name"
# the account is what is guarded: a lock by address would shut out a whole township behind one router
SILENCED_SYSTEM_CHECKS = ["axes.W006"]
OTP_TOTP_ISSUER = "惠民直达"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        # meters and chart bars carry their value as a CSS variable in a style attribute
        "style-src": [SELF],
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

LANGUAGE_CODE = "zh-hans"
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
USE_TZ = True
USE_THOUSAND_SEPARATOR = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("HUIMIN_STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": env.text("HUIMIN_FILE_STORAGE", "huimin.core.records.files.DatabaseStorage")},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if ENVIRONMENT in {"production", "demo"}
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
# what anybody signed in, or a credential, may send at once: the largest return file of a bank
MOST_UPLOAD_BYTES = 128 * 2**20
# where the hourly audit heads and the messages of the demo's provider are written
OUTBOX_DIR = Path(env.text("HUIMIN_OUTBOX_DIR", str(BASE_DIR / ".run" / "outbox")))

# channel of messages -> class that sends them, "off" for none; the demo writes them into files instead
MESSAGE_PROVIDERS = env.mapping(
    "HUIMIN_MESSAGE_PROVIDERS",
    {} if ENVIRONMENT == "production" else {"sms": "huimin.core.work.messages.FileProvider"},
)
# for so many days what was delivered can be looked up, then it is dropped; a villager's complaint comes within half a year
MESSAGES_KEPT_DAYS = env.number("HUIMIN_MESSAGES_KEPT_DAYS", 180, least=1)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["huimin.core.accounts.credentials.OfficeAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["huimin.core.accounts.credentials.OfficeScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 100,
    "EXCEPTION_HANDLER": "huimin.core.desk.api_errors.refused",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "惠民直达 接口",
    "DESCRIPTION": "银行取代发文件、送回盘；部门推送申报册；任何人读取政策清单。",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SERVE_INCLUDE_SCHEMA": False,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"private": {"()": "huimin.core.logs.PrivateFilter"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["private"]},
    },
    "root": {"handlers": ["console"], "level": env.text("HUIMIN_LOG_LEVEL", "WARNING")},
}
