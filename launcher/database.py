"""Roles and databases. Needs psycopg, so it is used only inside the virtual environment."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

OWNER = "huimin_owner"
APP = "huimin_app"
DATABASE = "huimin"


@contextmanager
def session(url: str) -> Iterator[psycopg.Connection]:
    """A connection in which each statement commits by itself."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def with_database(url: str, name: str) -> str:
    """The same server and role, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def make_roles(admin_url: str) -> None:
    """The owner makes databases and tables; the app only reads and writes rows and can't step around row security."""
    with session(admin_url) as connection:
        for role, rights in ((OWNER, "CREATEDB"), (APP, "NOCREATEDB")):
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            verb = "ALTER" if known else "CREATE"
            connection.execute(
                sql.SQL(f"{verb} ROLE {{}} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE {rights}").format(
                    sql.Identifier(role)
                )
            )


def make_database(admin_url: str, name: str = DATABASE) -> None:
    """The owner owns it, and may therefore create trusted extensions (btree_gist, intarray, pg_trgm) in it."""
    if exists(admin_url, name):
        return
    with session(admin_url) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
        )


def exists(url: str, name: str) -> bool:
    """Whether the server has a database of that name."""
    with session(url) as connection:
        return (
            connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None
        )


def create_database(owner_url: str, name: str, template: str | None = None) -> None:
    """A database of the owner's; with `template`, a copy of one that nobody is connected to."""
    source = sql.SQL("TEMPLATE {}").format(sql.Identifier(template or "template1"))
    with session(owner_url) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), source))


def drop_database(owner_url: str, name: str) -> None:
    """Cuts sessions that are still in it."""
    with session(owner_url) as connection:
        drop = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
        try:
            connection.execute(drop + sql.SQL(" WITH (FORCE)"))
        except psycopg.errors.InsufficientPrivilege:
            # an autovacuum worker was in it: not ours to end by force, but a plain drop waits and sends it away
            connection.execute(drop)
