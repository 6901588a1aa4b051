"""The site's settings as tests see them: production's, with a data folder of their own.

`TAMAGO_TEST_DATABASE_URL` runs the same tests on another database, such as PostgreSQL.
"""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="tamago-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ.update(
    SECRET_KEY="tests-only",
    ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
    SITE_URL="http://testserver",
    DATABASE_URL=os.environ.get("TAMAGO_TEST_DATABASE_URL", f"sqlite:///{_folder}/db.sqlite3"),
    DATA_DIR=_folder,
    STATIC_ROOT=_folder,
    EMAIL_TO_CONSOLE="true",
    SECURE_COOKIES="false",
    LOG_LEVEL="WARNING",
)
os.environ.pop("DEBUG", None)
os.environ.pop("REDIS_URL", None)

from competition.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Pages are rendered without a collected static folder.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
EMAIL_TIMEOUT = 5
# A file database, as in the demo: threads and processes of a test see the same rows.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": f"{_folder}/test.sqlite3"}  # noqa: F405
