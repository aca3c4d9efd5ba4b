"""Where files of one checkout go, and which folders are safe to put them in."""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from launcher.console import Problem

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LONGEST_SOCKET = 100  # bytes; a unix socket's path may have 107 on Linux and 103 on macOS
NEEDED_BYTES = 10**9
THROWAWAY = Path("/var/tmp")  # noqa: S108  (names in it are made by mkdtemp)


@dataclass(frozen=True)
class Account:
    """The unprivileged user that runs the servers when root starts them: PostgreSQL refuses root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Place:
    """One set of servers: `state` keeps data, logs and keys; `sockets` is the only way to reach the servers."""

    state: Path
    sockets: Path


def server_account() -> Account | None:
    """None: the servers run as the caller."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise Problem(
            "以 root 运行需要系统用户 nobody，请改用普通用户。No user nobody: run as an ordinary user."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def checkout_key() -> str:
    return hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]


def private_folder(path: Path, mode: int = 0o700) -> Path:
    """Make the folder, or accept one that only this user can have made: names under /tmp can be guessed."""
    try:
        path.mkdir(mode=mode, parents=True)
    except FileExistsError:
        pass
    except OSError as error:
        raise Problem(f"不能建立目录 {path}：{error.strerror}。可设 HUIMIN_STATE 指定其他目录。") from error
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise Problem(f"{path} 不是目录或是链接，拒绝使用，请删除后重试。Not a plain folder: remove it.")
    if found.st_uid != os.geteuid():
        raise Problem(
            f"{path} 属于其他用户（uid {found.st_uid}），拒绝使用。Owned by someone else: remove it."
        )
    path.chmod(mode)
    return path


def server_folder(parent: Path, name: str) -> Path:
    """A folder that the servers' account may write, inside a private folder (so nobody else can have made it)."""
    path = parent / name
    path.mkdir(mode=0o700, exist_ok=True)
    if account := server_account():
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    return path


def _passable() -> int:
    """Mode of folders the servers' account must pass through to reach its own."""
    return 0o711 if server_account() else 0o700


def state_folder() -> Path:
    """HUIMIN_STATE, or .run in the checkout; root's lies under /var/tmp, which the servers' account can reach."""
    if chosen := os.environ.get("HUIMIN_STATE"):
        return Path(chosen).absolute()
    return Path(f"/var/tmp/huimin-{checkout_key()}") if os.geteuid() == 0 else ROOT / ".run"  # noqa: S108


def _short_folder(name: str) -> Path:
    """A folder for sockets, in the temporary folder: a socket's path must be short and on a local disk."""
    path = Path(tempfile.gettempdir()) / name
    longest = path / "postgres" / ".s.PGSQL.5432"
    return path if len(os.fsencode(longest)) <= LONGEST_SOCKET else Path("/tmp") / name  # noqa: S108


def sockets_of(state: Path) -> Path:
    """The same for the same state folder, so that a later start finds a running server."""
    suffix = hashlib.sha256(str(state).encode()).hexdigest()[:8]
    return _short_folder(f"huimin-{os.geteuid()}-{suffix}")


def _place(state: Path) -> Place:
    return Place(private_folder(state, _passable()), private_folder(sockets_of(state), _passable()))


def lasting_place() -> Place:
    """The demo's place: its data stay between runs."""
    return _place(state_folder())


def throwaway_place() -> Place:
    """A fresh place for tests."""
    return _place(Path(tempfile.mkdtemp(prefix=_throwaway_prefix(), dir=THROWAWAY)))


def throwaway_states() -> list[Path]:
    """This user's throw-away state folders, in use or left behind."""
    found = THROWAWAY.glob(f"{_throwaway_prefix()}*")
    return [path for path in found if path.lstat().st_uid == os.geteuid() and not path.is_symlink()]


def _throwaway_prefix() -> str:
    return f"huimin-test-{os.geteuid()}-"


def discard(place: Place) -> None:
    shutil.rmtree(place.state, ignore_errors=True)
    shutil.rmtree(place.sockets, ignore_errors=True)


def require_space(*folders: Path) -> None:
    """Refuse to begin what a full disk would break half-way; under 1 GB counts as full."""
    for folder in folders:
        free = shutil.disk_usage(folder).free
        if free < NEEDED_BYTES:
            raise Problem(
                f"磁盘空间不足：{folder} 剩余 {free // 10**6} MB，至少需要 1000 MB。Disk is full: free 1 GB."
            )
