"""A migrated cluster kept from one throw-away use to the next, because migrating from nothing is what tests wait for.

It is known by a hash of all that decides what a migration leaves behind; a cluster of another hash is never used.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path

from launcher.binaries import postgres_bin
from launcher.places import ROOT, private_folder, state_folder
from launcher.postgres import Postgres

DATABASE = "huimin_template"  # the migrated database inside the kept cluster
KEPT = 2  # so that going to another branch and back migrates once
DECIDING = (
    "*/migrations/*.py",
    "huimin/*/migrations/*.py",
    "*/models.py",
    "*/models/*.py",
    "huimin/*/models/*.py",
    "huimin/core/sql/*",
    "huimin/core/fields.py",
    "huimin/core/records/guarding.py",  # runs after every migration
    "huimin/settings.py",
    "launcher/database.py",
    "launcher/postgres.py",
    "requirements/run.lock",
)


def deciding_files(root: Path = ROOT) -> list[Path]:
    """What a migrated cluster depends on; every module that a migration imports must be among them."""
    return sorted({path for pattern in DECIDING for path in root.glob(pattern) if path.is_file()})


def key(root: Path = ROOT) -> str:
    """Name of the cluster that today's code and today's PostgreSQL would make."""
    version = subprocess.run([postgres_bin() / "postgres", "--version"], capture_output=True, check=True)
    found = hashlib.sha256(version.stdout)
    for path in deciding_files(root):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found.update(f"{path.relative_to(root)} {content}\n".encode())
    return found.hexdigest()[:16]


def restore(postgres: Postgres) -> bool:
    """Give a server that has not started yet the kept cluster; False when there is none for today's code."""
    kept = _folder() / key()
    if not kept.is_dir():
        return False
    if not _copy(kept, postgres.data):  # another session may just have thrown it away
        shutil.rmtree(postgres.data, ignore_errors=True)
        return False
    kept.touch()
    return True


def keep(postgres: Postgres) -> None:
    """Keep the cluster of a running server that holds DATABASE, migrated; the server is stopped meanwhile."""
    kept = _folder() / key()
    half = kept.with_name(f"{kept.name}.{postgres.home.parent.name}")
    postgres.stop()
    try:
        if _copy(postgres.data, half):
            _settle(half, kept)
    finally:
        shutil.rmtree(half, ignore_errors=True)
        postgres.start()
    _forget_older()


def _copy(source: Path, target: Path) -> bool:
    """With owners and modes, which PostgreSQL looks at."""
    return subprocess.run(["cp", "-pR", source, target], capture_output=True, check=False).returncode == 0


def _settle(half: Path, kept: Path) -> None:
    """In one step; when another session was first, its copy stays."""
    try:
        half.rename(kept)
    except OSError:
        return
    kept.touch()


def _folder() -> Path:
    private_folder(state_folder(), 0o711)
    return private_folder(state_folder() / "templates")


def _forget_older() -> None:
    found = sorted(_folder().iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in [path for path in found if "." not in path.name][KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
