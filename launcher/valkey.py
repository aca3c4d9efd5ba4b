"""An embedded Valkey (Redis protocol) on a private socket; it keeps nothing, for nothing in it is the truth."""

import os
import signal
import socket
import subprocess

from launcher.binaries import identity, reachable_valkey
from launcher.console import Problem
from launcher.pids import Process, wait_until
from launcher.places import Place, server_account, server_folder

PID_FILE = "valkey.pid"


class Valkey:
    """Broker and cache of one place."""

    def __init__(self, place: Place) -> None:
        self.account = server_account()
        self.home = server_folder(place.state, "valkey")
        self.socket = server_folder(place.sockets, "valkey") / "valkey.sock"
        self.pid_file = place.state / PID_FILE
        self.process: Process | None = None
        self.child: subprocess.Popen[bytes] | None = None  # None also when adopted
        self.adopted = False

    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start, or take over one that a killed launcher left behind."""
        self.process = Process.read(self.pid_file)
        if self.process and not self._ready():
            self.stop()
        self.adopted = self.process is not None
        if not self.adopted:
            self._launch()

    def stop(self) -> None:
        if self.process:
            self.process.stop(signal.SIGTERM, patience=10)
            self.process = None
        if self.child:
            self.child.wait()
        self.pid_file.unlink(missing_ok=True)

    def _launch(self) -> None:
        self.socket.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.home),
        }
        options |= {"save": "", "appendonly": "no", "daemonize": "no"}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        with (self.home / "server.log").open("ab") as log:
            child = self.child = subprocess.Popen(
                [reachable_valkey(self.account), *words],
                env={"PATH": os.environ.get("PATH", ""), "TZ": "Asia/Shanghai"},
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **identity(self.account),
            )
        self.process = Process.of(child.pid)
        if self.process:
            self.process.write(self.pid_file)
        wait_until(lambda: self._ready() or child.poll() is not None, 10)
        if not self._ready():
            self.stop()
            raise Problem(f"Valkey 未能启动，日志 {self.home / 'server.log'}。Valkey did not start.")

    def _ready(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(2)
                probe.connect(str(self.socket))
                probe.sendall(b"PING\r\n")
                return probe.recv(9).startswith(b"+PONG")
        except OSError:
            return False
