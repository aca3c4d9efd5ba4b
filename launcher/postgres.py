"""An embedded PostgreSQL that listens on a private socket only: no port, no password."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from launcher.binaries import identity, postgres_major, reachable_postgres
from launcher.console import Problem
from launcher.pids import Process, wait_until
from launcher.places import Place, server_account, server_folder

ADMIN = "huimin_admin"  # the cluster's superuser, used only to make the two roles and the database
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "80",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    # solid state, and most of it in memory: else the planner reads a whole table for one order's lines
    "random_page_cost": "1.1",
    "effective_cache_size": "2GB",
    "jit": "off",
    "timezone": "Asia/Shanghai",
    "log_timezone": "Asia/Shanghai",
    # names and ID numbers are parameters: the log must not repeat them
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
CARELESS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "128MB",
    # rows that a test took back leave tables that a vacuum calls empty: every plan would then read whole tables
    "autovacuum": "off",
    "min_wal_size": "32MB",  # a kept cluster (template.py) is copied each time
}
BROKEN_SOON = 60.0  # seconds in which recovery after a crash must be over


class Postgres:
    """durable=False: for tests, a power cut may lose everything."""

    def __init__(self, place: Place, *, durable: bool) -> None:
        self.durable = durable
        self.account = server_account()
        self.home = server_folder(place.state, "postgres")
        self.sockets = server_folder(place.sockets, "postgres")
        self.data = self.home / "data"
        self.log = self.home / "server.log"
        self.process: Process | None = None
        self.child: subprocess.Popen[bytes] | None = None  # None also when adopted
        self.adopted = False

    def url(self, role: str, database: str) -> str:
        return f"postgresql://{role}@/{database}?host={self.sockets}"

    def start(self) -> None:
        """Start, or take over one that a killed launcher left behind."""
        programs = reachable_postgres(self.account)
        self._initialise(programs)
        refuse_other_major(self.data, postgres_major(programs))
        self.process = left_behind(self.data)
        if self.process and not wait_until(self._ready, BROKEN_SOON if self._socket_exists() else 0):
            self.stop()
        self.adopted = self.process is not None
        if self.adopted:
            return
        self._forget_the_dead()
        self._launch(programs)

    def stop(self) -> None:
        """Fast shutdown: sessions are cut, nothing committed is lost."""
        if self.process:
            self.process.stop(signal.SIGINT, signal.SIGQUIT, patience=30)
            self.process = None
        if self.child:
            self.child.wait()

    def _initialise(self, programs: Path) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        # builtin C.UTF-8 sorts alike on every system; it exists since 17
        collation = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if int(postgres_major(programs)) < 17:
            collation = ["--locale=C.UTF-8"]
        careless = [] if self.durable else ["--no-sync"]
        shutil.rmtree(self.data, ignore_errors=True)  # half-made by an initdb that was interrupted
        done = subprocess.run(
            [
                programs / "initdb",
                "-D",
                self.data,
                "-U",
                ADMIN,
                "-A",
                "trust",
                "-E",
                "UTF8",
                *collation,
                *careless,
            ],
            env=self._environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            **identity(self.account),
        )
        if done.returncode:
            raise Problem(f"initdb 失败：{done.stderr.strip()[-600:]}")

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", ""),
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.home),
            "TZ": "Asia/Shanghai",
        }

    def _forget_the_dead(self) -> None:
        """A pid file whose number another program has got by now would keep PostgreSQL from starting."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for left in self.sockets.glob(".s.PGSQL.*"):
            left.unlink()

    def _launch(self, programs: Path) -> None:
        settings = SETTINGS | {"unix_socket_directories": str(self.sockets)}
        settings |= {} if self.durable else CARELESS
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            child = self.child = subprocess.Popen(
                [programs / "postgres", "-D", self.data, *options],
                env=self._environment(),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **identity(self.account),
            )
        self.process = Process.of(child.pid)
        wait_until(lambda: self._ready() or child.poll() is not None, BROKEN_SOON)
        if not self._ready():
            said = self.log.read_text(encoding="utf-8", errors="replace").strip()[-800:]
            self.stop()
            raise Problem(f"PostgreSQL 未能启动，日志 {self.log}：\n{said}")

    def _ready(self) -> bool:
        """Line 8 of the pid file says ready once connections are taken; the socket must still exist."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        if len(lines) < 8 or lines[7].strip() != "ready":
            return False
        return self._socket_exists()

    def _socket_exists(self) -> bool:
        """A cleaner of old temporary files may have removed it under a running server."""
        return (self.sockets / ".s.PGSQL.5432").is_socket()


def left_behind(data: Path) -> Process | None:
    """The running server of this data folder, by the pid file PostgreSQL keeps in it."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return Process.of(pid) if serves(pid, data) else None


def serves(pid: int, data: Path) -> bool:
    """Whether that process is a PostgreSQL that works in this data folder."""
    cwd = Path(f"/proc/{pid}/cwd")
    if Path("/proc/self").exists():
        try:
            return cwd.resolve() == data.resolve() and "postgres" in Path(f"/proc/{pid}/comm").read_text()
        except OSError:
            return False
    found = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "postgres" in found.stdout


def refuse_other_major(data: Path, major: str) -> None:
    """A data folder is bound to its major version; say so before PostgreSQL refuses in its own words."""
    made_by = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    if made_by != major:
        raise Problem(
            f"数据由 PostgreSQL {made_by} 建立，现有程序是 {major}。可设 PG_BIN 指向 {made_by} 的程序并用 pg_dump 备份；"
            f"演示数据不必保留时执行：python3 run.py resetdb。Data folder needs PostgreSQL {made_by}."
        )
