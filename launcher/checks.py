"""`run.py check`: every static check; all run, even after one failed."""

import os
import subprocess
import time
from dataclasses import dataclass, field

from launcher.console import say
from launcher.keys import new_keyring
from launcher.places import PYTHON, ROOT
from launcher.servers import as_owner, throwaway_servers


@dataclass(frozen=True)
class Check:
    """One command, as arguments of python."""

    title: str
    words: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)


def offline_checks() -> list[Check]:
    """Those that need no servers. Settings are read, so they get the tests' environment."""
    settings = {"HUIMIN_ENV": "test", "HUIMIN_KEYRING": new_keyring()}
    importlinter = "from importlinter.cli import lint_imports_command as run; run()"
    return [
        Check("ruff check", ("-m", "ruff", "check", ".")),
        Check("ruff format", ("-m", "ruff", "format", "--check", ".")),
        Check("mypy", ("-m", "mypy", "."), settings),
        Check("lint-imports", ("-c", importlinter)),
        Check("djlint format", ("-m", "djlint", "--check", "--quiet", "templates")),
        Check("djlint lint", ("-m", "djlint", "--lint", "--quiet", "templates")),
        Check("workflows doc", ("manage.py", "write_workflows", "--check"), settings),
        Check(
            "compose schema",
            ("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"),
        ),
    ]


def django_checks(settings: dict[str, str]) -> list[Check]:
    """Those that ask the database: migrations from nothing, none missing, and a production-like deployment."""
    manage = ("manage.py",)
    production = settings | {
        "HUIMIN_ENV": "production",
        "HUIMIN_HOSTS": "huimin.example.gov.cn",
        "HUIMIN_ORIGINS": "https://huimin.example.gov.cn",
        "HUIMIN_TRUSTED_PROXIES": "1",
    }
    demo = settings | {"HUIMIN_ENV": "demo"}
    return [
        Check("migrate", (*manage, "migrate", "--verbosity", "0"), as_owner(demo)),
        Check("makemigrations --check", (*manage, "makemigrations", "--check", "--dry-run"), demo),
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


def run() -> int:
    """Exit code 1 when any check failed; the last lines name those."""
    failed = [check.title for check in offline_checks() if not passes(check)]
    with throwaway_servers() as servers:
        failed += [check.title for check in django_checks(servers.environment()) if not passes(check)]
    say(f"未通过：{'、'.join(failed)}" if failed else "检查全部通过（all checks passed）")
    return 1 if failed else 0
