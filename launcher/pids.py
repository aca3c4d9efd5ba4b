"""Processes that outlive a killed launcher: recorded by number and birth, since numbers are used again."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def birth(pid: int) -> str | None:
    """When the process was born, in the system's own clock; None when it is gone or only waits to be reaped."""
    if sys.platform != "linux":
        found = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return found.stdout.strip() or None
    try:
        # "pid (name) state ppid …": the name may hold spaces and brackets; field 22 is the birth in clock ticks
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def wait_until(claim: Callable[[], bool], patience: float) -> bool:
    """Whether the claim came true within so many seconds."""
    end = time.monotonic() + patience
    while not (held := claim()) and time.monotonic() < end:
        time.sleep(0.03)
    return held


@dataclass(frozen=True)
class Process:
    """A process that is known to be ours, whether or not it is our child."""

    pid: int
    born: str

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        born = birth(pid)
        return cls(pid, born) if born else None

    @classmethod
    def read(cls, path: Path) -> "Process | None":
        """The recorded process, if that very process still lives."""
        try:
            pid, _, born = path.read_text(encoding="utf-8").partition(" ")
            found = cls.of(int(pid))
        except (OSError, ValueError):
            return None
        return found if found and found.born == born else None

    def write(self, path: Path) -> None:
        """All of it or nothing: whoever reads half a record takes the process for dead and clears its folder away."""
        whole = path.with_name(f"{path.name}.{self.pid}.new")
        whole.write_text(f"{self.pid} {self.born}", encoding="utf-8")
        whole.replace(path)

    def alive(self) -> bool:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return birth(self.pid) == self.born

    def stop(self, *signals: signal.Signals, patience: float, group: bool = False) -> None:
        """Send each signal in turn and wait; what is still there at the end is killed."""
        for sign in (*signals, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, sign) if group else os.kill(self.pid, sign)
            if wait_until(lambda: not self.alive(), patience):
                return
