"""One real installation for the browser tests: its own database, web server, worker and scheduler."""

import atexit
import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from launcher import database
from launcher.places import PYTHON, ROOT
from launcher.processes import Processes, free_port
from tests import servers

HOST = "127.0.0.1"
FIRST_PORT = 8400  # away from a demo that may be running
COMMAND_SECONDS = 300


@dataclass
class Installation:
    """A cloned database and the environment in which commands find it."""

    name: str
    environment: dict[str, str]

    @property
    def owner_url(self) -> str:
        return self.environment["DATABASE_OWNER_URL"]

    def command(self, *words: str, code: int = 0, stdin: str = "") -> str:
        """manage.py with these words; gives what it printed. Another exit code than `code` fails the test."""
        done = subprocess.run(
            [PYTHON, "manage.py", *map(str, words)],
            cwd=ROOT,
            env=os.environ | self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == code, (
            f"manage.py {' '.join(map(str, words))} gave {done.returncode}\n{said}"
        )
        return done.stdout

    def answer(self, *words: str, code: int = 0) -> Any:
        """The JSON that a staff command prints."""
        return json.loads(self.command(*words, "--json", code=code))

    def rows(self, sql: str, *values: object) -> list[tuple]:
        """What the owner reads: for looking behind the pages, never instead of them."""
        with psycopg.connect(self.owner_url) as connection:
            return connection.execute(sql, values).fetchall()

    def move_clock(self, days: int) -> None:
        """Business time goes on by whole days; only the owner of the database may do that."""
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            connection.execute("UPDATE core_clock SET shift = shift + make_interval(days => %s)", [days])


@dataclass
class Stack(Installation):
    """An installation that serves pages."""

    url: str = ""
    state: Path = Path()
    accounts: dict[str, dict] = field(default_factory=dict)  # by username, as the command lists them
    signed_in: dict[str, dict] = field(default_factory=dict)  # by username: cookies of the real login
    used_codes: dict[str, int] = field(default_factory=dict)  # by username: a one-time code counts once

    def log_tails(self) -> str:
        logs = sorted((self.state / "logs").glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs)


def addresses(name: str, state: Path) -> dict[str, str]:
    """The session's servers, this database, and folders of its own; the demo's settings, as people meet them."""
    (state / "outbox").mkdir()
    return {
        "HUIMIN_ENV": "demo",
        "DATABASE_URL": database.with_database(os.environ["DATABASE_URL"], name),
        "DATABASE_OWNER_URL": servers.owner_url(name),
        "HUIMIN_OUTBOX_DIR": str(state / "outbox"),
        "HUIMIN_STATIC_ROOT": str(state / "static"),
    }


@contextmanager
def cloned(name: str, state: Path):
    """A copy of the migrated template that vanishes afterwards."""
    servers.clone(name)
    try:
        yield Installation(name, addresses(name, state))
    finally:
        servers.drop(name)


@contextmanager
def running(place: Installation, state: Path):
    """Web server, worker and scheduler on the installation; ended even when the session is interrupted."""
    place.command("collectstatic", "--noinput", "--verbosity", "0")
    processes = Processes(state, place.environment)
    port = free_port(HOST, FIRST_PORT)
    stack = Stack(place.name, place.environment, url=f"http://{HOST}:{port}", state=state)
    atexit.register(processes.stop)
    processes.start(HOST, port)
    try:
        processes.wait_for_web(f"{stack.url}/")
        yield stack
    finally:
        processes.stop()
        atexit.unregister(processes.stop)
