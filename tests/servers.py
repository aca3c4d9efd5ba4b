"""Servers for Django's settings (tests/settings.py), and databases as production has them.

Tests run as the app's role in a copy of a database that the owner's role migrated, so that a right the app should
not have fails here too. DATABASE_URL (and DATABASE_OWNER_URL, REDIS_URL) in the environment are used when given.
"""

import atexit
import os
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from launcher import database, template
from launcher.console import Problem
from launcher.servers import NO_TIMEOUT, throwaway

OURS = "HUIMIN_TEST_SERVERS"  # which process of a divided run chose the servers, and the variables it set
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
# a process that takes part inherits the addresses of the one that divides the work, and has servers of its own;
# programs that a test starts use the test's
whose, *names = os.environ.get(OURS, WORKER).split()
for name in names if whose != WORKER else ():
    del os.environ[name]

SESSION = throwaway()  # the servers of this run, not started yet
# in a cluster of its own a session meets nobody; on a named server two must not meet
TEMPLATE = template.DATABASE if SESSION.postgres else f"huimin_template_{os.getpid()}"
TEST_DATABASE = f"huimin_test_{os.getpid()}"


def begin():
    """Put the addresses of this run's servers into the environment, before settings are read."""
    os.environ.setdefault("HUIMIN_ENV", "test")
    atexit.register(SESSION.stop)
    ours = SESSION.environment()
    os.environ.update(ours, **{OURS: " ".join([WORKER, *ours])})


def start():
    """Bring the servers up, with the template kept by an earlier run if the migrations are the same."""
    try:
        if SESSION.postgres:
            template.restore(SESSION.postgres)
        SESSION.start()
    except Problem as problem:
        pytest.exit(str(problem), returncode=1)


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
    """A migrated database to copy from, unless a kept cluster holds it; nobody may be connected to it afterwards."""
    from django.core.management import call_command

    if database.exists(owner_url(), TEMPLATE):
        return
    database.create_database(owner_url(), TEMPLATE)
    with pointing_at(TEMPLATE, owner_url()):
        call_command("migrate", verbosity=0)
    if SESSION.postgres:
        template.keep(SESSION.postgres)


def clone(name):
    """A fresh copy of the template, committed and with real sequences."""
    database.create_database(owner_url(), name, template=TEMPLATE)


def drop(name):
    database.drop_database(owner_url(), name)


def drop_template():
    """On a server of somebody's own; a throw-away one vanishes as a whole."""
    if not SESSION.postgres:
        drop(TEMPLATE)
