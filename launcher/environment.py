"""The virtual environment: made by the standard library, filled from a hash-locked list, then entered."""

import hashlib
import importlib.util
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path

from launcher.console import Problem, step
from launcher.places import PYTHON, ROOT, VENV, require_space

LOCKS = ("run", "test", "dev")  # each holds everything of those before it
MACHINES = {"x86_64", "amd64", "aarch64", "arm64"}
ENTERED = "HUIMIN_LAUNCHER_ENTERED"


def lock_path(lock: str) -> Path:
    return ROOT / "requirements" / f"{lock}.lock"


def digest(lock: str) -> str:
    return hashlib.sha256(lock_path(lock).read_bytes()).hexdigest()


def stamp_path(lock: str) -> Path:
    return VENV / f".stamp-{lock}"


def satisfied(lock: str) -> bool:
    """Whether this lock, or one that holds it, is what the environment was last filled from."""
    for wider in LOCKS[LOCKS.index(lock) :]:
        stamp = stamp_path(wider)
        if stamp.exists() and stamp.read_text(encoding="utf-8").strip() == digest(wider):
            return True
    return False


def stamp(lock: str) -> None:
    """Note what was installed; notes of other locks end, since their versions may have been replaced."""
    for other in LOCKS:
        stamp_path(other).unlink(missing_ok=True)
    stamp_path(lock).write_text(digest(lock), encoding="utf-8")


def require_platform() -> None:
    """The locks hold wheels for glibc Linux and macOS on x86_64 and ARM64 only."""
    if sys.platform not in {"linux", "darwin"}:
        raise Problem(
            "请在 Linux、macOS 或 WSL 中运行，或使用 docker compose。Use Linux, macOS, WSL or compose."
        )
    if platform.machine().lower() not in MACHINES:
        raise Problem(
            f"没有适用于 {platform.machine()} 的组件，请用 x86_64 或 ARM64。No wheels for this machine."
        )
    if sys.platform == "linux" and platform.libc_ver()[0] != "glibc":
        raise Problem("本系统使用 musl（如 Alpine），请用 docker compose 或 glibc 系统。No wheels for musl.")


def _works(python: Path) -> bool:
    try:
        done = subprocess.run([python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False)
    except OSError:
        return False
    return done.returncode == 0


def create() -> list[str]:
    """Make .venv and return the command of the pip that fills it.

    Debian without python3-venv has no ensurepip and refuses to install outside an environment (PEP 668),
    but its pip may fill another interpreter's environment.
    """
    inner = [str(PYTHON), "-m", "pip"]
    outer = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    with_pip = importlib.util.find_spec("ensurepip") is not None
    if not with_pip and importlib.util.find_spec("pip") is None:
        raise Problem("缺少 venv 与 pip，请执行：apt install python3-venv。Neither ensurepip nor pip.")
    if not _works(PYTHON):
        with step("建立虚拟环境 .venv"):
            venv.create(VENV, with_pip=with_pip, clear=VENV.exists())
    has_pip = subprocess.run([*inner, "--version"], capture_output=True, check=False).returncode == 0
    return inner if has_pip else outer


def install(lock: str) -> None:
    """Fill the environment from the lock unless it already is."""
    if satisfied(lock) and _works(PYTHON):
        return
    require_platform()
    require_space(ROOT)
    pip = create()
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--require-hashes",
        "-r",
        str(lock_path(lock)),
    ]
    with step(f"按 requirements/{lock}.lock 安装依赖（首次约一分钟）"):
        if subprocess.run([*pip, "install", *options], check=False).returncode:
            raise Problem(
                "依赖安装失败：请检查网络或 pip 镜像（pip.conf、PIP_INDEX_URL）。pip failed: see above."
            )
    stamp(lock)


def enter(argv: list[str]) -> None:
    """Go on in the environment's interpreter; returns only when already there."""
    if Path(sys.prefix).resolve() == VENV.resolve():
        os.environ.pop(ENTERED, None)
        return
    if os.environ.get(ENTERED):
        raise Problem(".venv 已损坏，请删除 .venv 后重试。The environment is broken: remove .venv.")
    os.environ[ENTERED] = "1"
    os.execv(PYTHON, [str(PYTHON), str(ROOT / "run.py"), *argv])  # noqa: S606
