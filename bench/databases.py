"""A database for every measured run, copied from a filled one, so that no run finds the traces of another."""

from __future__ import annotations

import os
import time
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from launcher import database

PREFIX = f"bench_{os.getpid()}"
PATIENCE = 60  # half seconds
ADMIN = "HUIMIN_BENCH_ADMIN_URL"  # set by the launcher for servers of its own: CHECKPOINT takes a superuser


def owner_url(name: str | None = None) -> str:
    url = os.environ["DATABASE_OWNER_URL"]
    return database.with_database(url, name) if name else url


def app_url(name: str) -> str:
    return database.with_database(os.environ["DATABASE_URL"], name)


def clone(source: str, name: str) -> None:
    """Copy the files instead of writing every page to the log: the copy is durable before it is used."""
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    with database.session(owner_url()) as connection:
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(source)))


def template() -> str:
    """A copy of the migrated database, which somebody might be connected to while we clone."""
    name = f"{PREFIX}_template"
    source = urlsplit(os.environ["DATABASE_OWNER_URL"]).path.lstrip("/")
    with database.session(_maintenance_url()) as connection:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(source)))
    return name


def _maintenance_url() -> str:
    return urlunsplit(urlsplit(os.environ["DATABASE_OWNER_URL"])._replace(path="/postgres"))


def drop(name: str) -> None:
    """Cut whoever is still in it; a worker of autovacuum may be cut by a superuser only, or waited for."""
    url = os.environ.get(ADMIN) or _maintenance_url()
    for attempt in range(PATIENCE):
        try:
            database.drop_database(url, name)
        except psycopg.errors.InsufficientPrivilege:
            if attempt == PATIENCE - 1:
                raise
            time.sleep(0.5)
        else:
            return


def drop_all() -> None:
    """Whatever this run has left on the server."""
    with database.session(_maintenance_url()) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX + "_"]
        ).fetchall()
    for (name,) in rows:
        drop(name)


def settle(name: str) -> None:
    """After a load: statistics and hint bits, so that the first run after it does not pay for them."""
    with database.session(owner_url(name)) as connection:
        connection.execute("VACUUM ANALYZE")
    checkpoint()


def checkpoint() -> bool:
    """Write out what earlier steps left; False where nobody lets us."""
    try:
        with database.session(os.environ.get(ADMIN) or owner_url()) as connection:
            connection.execute("CHECKPOINT")
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def facts() -> dict[str, str]:
    """Version and the settings that matter for bulk writes."""
    names = (
        "server_version",
        "shared_buffers",
        "work_mem",
        "max_wal_size",
        "fsync",
        "synchronous_commit",
        "jit",
    )
    with database.session(owner_url()) as connection:
        rows = [(name, connection.execute(f"SHOW {name}").fetchone()[0]) for name in names]
    return {"PostgreSQL": ", ".join(f"{name} {value}" for name, value in rows)}
