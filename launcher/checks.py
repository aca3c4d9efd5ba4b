"""`run.py check`: every static check; all run, even after one failed. `--fast` leaves out those that need a database."""

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from launcher import template
from launcher.console import say
from launcher.keys import new_keyring
from launcher.places import PYTHON, ROOT
from launcher.postgres import Postgres
from launcher.servers import as_owner, throwaway

NOWHERE = "postgresql:///none?host=/nonexistent"  # no check may meet a database that happens to be there
AT_ONCE = 2


@dataclass(frozen=True)
class Check:
    """One command, as arguments of python."""

    title: str
    words: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)


def offline_checks() -> list[Check]:
    """Those that need no servers. Settings are read, so they get the tests' environment."""
    settings = {"HUIMIN_ENV": "test", "HUIMIN_KEYRING": new_keyring(), "DATABASE_URL": NOWHERE}
    importlinter = "from importlinter.cli import lint_imports_command as run; run()"
    return [
        Check("mypy", ("-m", "mypy", "."), settings),  # first, for it takes longest
        Check("ruff check", ("-m", "ruff", "check", ".")),
        Check("ruff format", ("-m", "ruff", "format", "--check", ".")),
        Check("lint-imports", ("-c", importlinter)),
        Check("djlint format", ("-m", "djlint", "--check", "--quiet", "templates")),
        Check("djlint lint", ("-m", "djlint", "--lint", "--quiet", "templates")),
        Check("makemigrations --check", ("manage.py", "makemigrations", "--check", "--dry-run"), settings),
        Check("workflows doc", ("manage.py", "write_workflows", "--check"), settings),
        Check(
            "compose schema",
            ("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"),
        ),
    ]


def django_checks(settings: dict[str, str]) -> list[Check]:
    """Those that ask the database: migrations from nothing, and a production-like deployment."""
    manage = ("manage.py",)
    production = settings | {
        "HUIMIN_ENV": "production",
        "HUIMIN_HOSTS": "huimin.example.gov.cn",
        "HUIMIN_ORIGINS": "https://huimin.example.gov.cn",
        "HUIMIN_TRUSTED_PROXIES": "1",
        "HUIMIN_MESSAGE_PROVIDERS": '{"sms": "off"}',
    }
    demo = settings | {"HUIMIN_ENV": "demo"}
    return [
        Check("migrate", (*manage, "migrate", "--verbosity", "0"), as_owner(demo)),
        Check("check --deploy", (*manage, "check", "--deploy", "--fail-level", "WARNING"), production),
    ]


def passes(check: Check) -> bool:
    """Run one check; its output is shown only when it fails."""
    began = time.monotonic()
    done = subprocess.run(
        [PYTHON, *check.words],
        cwd=ROOT,
        env=os.environ | check.settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        print(done.stdout.rstrip(), flush=True)
    say(
        f"{'失败 FAILED' if done.returncode else '通过 passed'}  {check.title}  {time.monotonic() - began:.1f} 秒"
    )
    return done.returncode == 0


def all_failed(checks: list[Check], at_once: int) -> list[str]:
    with ThreadPoolExecutor(at_once) as pool:
        return [
            check.title for check, passed in zip(checks, pool.map(passes, checks), strict=True) if not passed
        ]


def database_failed() -> list[str]:
    """Migrations that passed once are not run again from nothing until one of them changes (template.py)."""
    servers = throwaway()
    try:
        kept = bool(servers.postgres and template.restore(servers.postgres))
        settings = servers.start().environment()
        if servers.postgres:
            settings |= _in_template(servers.postgres)
        failed = all_failed(django_checks(settings), 1)
        if servers.postgres and not kept and not failed:
            template.keep(servers.postgres)
        return failed
    finally:
        servers.stop()


def _in_template(postgres: Postgres) -> dict[str, str]:
    """The addresses of the database that is kept for the next run, made when it is not there yet."""
    from launcher import database  # psycopg exists once the environment is entered  # noqa: PLC0415

    owner = postgres.url(database.OWNER, template.DATABASE)
    if not database.exists(postgres.url(database.OWNER, database.DATABASE), template.DATABASE):
        database.create_database(postgres.url(database.OWNER, database.DATABASE), template.DATABASE)
    return {"DATABASE_URL": postgres.url(database.APP, template.DATABASE), "DATABASE_OWNER_URL": owner}


def run(*, fast: bool) -> int:
    """Exit code 1 when any check failed; the last lines name those."""
    failed = all_failed(offline_checks(), AT_ONCE)
    if not fast:
        failed += database_failed()
    say(f"未通过：{'、'.join(failed)}" if failed else "检查全部通过（all checks passed）")
    return 1 if failed else 0
