"""Servers before Django reads its settings (tests/settings.py), and databases as production has them.

Tests run as the app's role in a copy of a database that the owner's role migrated, so that a right the app should
not have fails here too. DATABASE_URL (and DATABASE_OWNER_URL, REDIS_URL) in the environment are used when given.
"""

import atexit
import os
from contextlib import contextmanager
from urllib.parse import urlsplit

from launcher import database
from launcher.servers import NO_TIMEOUT, start_throwaway

TEMPLATE = f"huimin_template_{os.getpid()}"  # two sessions on one server must not meet
TEST_DATABASE = f"huimin_test_{os.getpid()}"


def begin():
    """Bring the servers up and put their addresses into the environment, before settings are read."""
    os.environ.setdefault("HUIMIN_ENV", "test")
    started = start_throwaway()
    atexit.register(started.stop)
    os.environ.update(started.environment())


def owner_url(name=None):
    """The owner's URL, of the database named or of the one it is given with."""
    url = os.environ["DATABASE_OWNER_URL"]
    return database.with_database(url, name) if name else url


@contextmanager
def pointing_at(name, url=None):
    """Django's default connection, in every thread, uses this database; with `url`, as the role it names."""
    from django.db import connections

    settings = connections.settings["default"]
    before = {key: settings[key] for key in ("NAME", "USER", "PASSWORD", "OPTIONS")}
    connections.close_all()
    settings["NAME"] = name
    if url:
        parts = urlsplit(url)
        settings |= {"USER": parts.username or "", "PASSWORD": parts.password or ""}
        settings["OPTIONS"] = settings["OPTIONS"] | {"options": NO_TIMEOUT}
    try:
        yield
    finally:
        connections.close_all()
        settings |= before


def make_template():
    """A migrated database to copy from; nobody may be connected to it afterwards."""
    from django.core.management import call_command

    database.create_database(owner_url(), TEMPLATE)
    with pointing_at(TEMPLATE, owner_url()):
        call_command("migrate", verbosity=0)


def clone(name):
    """A fresh copy of the template, committed and with real sequences."""
    database.create_database(owner_url(), name, template=TEMPLATE)


def drop(name):
    database.drop_database(owner_url(), name)
