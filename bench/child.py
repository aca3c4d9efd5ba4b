"""One measured run in a process of its own: python -m bench.child measure|profile|prepare MODULE:FUNCTION ROWS FOLDER.

DATABASE_URL names the run's own database. What it found is the last line of its output, as JSON.
"""

from __future__ import annotations

import cProfile
import gc
import importlib
import io
import json
import os
import pstats
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import databases


class Stage:
    """What a measured function works with: its number of rows, its files, and the stop watch."""

    def __init__(self, rows: int, folder: Path) -> None:
        self.rows = rows
        self.profile: cProfile.Profile | None = None
        self.folder = folder
        self.seconds = self.cpu = self.idle_rss = self.client_rss = self.backend_rss = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Everything that belongs to the job, its commit included; used once. Peak memory is read at its end."""
        databases.checkpoint()
        gc.collect()
        self.idle_rss = peak()
        if self.profile:
            self.profile.enable()
        worked, began = time.process_time() + backend_cpu(), time.perf_counter()
        yield
        self.seconds = time.perf_counter() - began
        self.cpu = time.process_time() + backend_cpu() - worked
        if self.profile:
            self.profile.disable()
        self.client_rss = peak()
        self.backend_rss = backend_peak()


def peak() -> float:
    """Megabytes this process took at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def backend_pid() -> int:
    from django.db import connection  # noqa: PLC0415 -- settings are read in main()

    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


def backend_peak() -> float:
    """Megabytes the database process behind our connection took at most, its share of the buffers included."""
    return status_megabytes(backend_pid(), "VmHWM")


def backend_cpu() -> float:
    """Seconds of CPU that process has used; 0 where it cannot be read (another host, no /proc)."""
    try:
        fields = Path(f"/proc/{backend_pid()}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def status_megabytes(pid: int, name: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    found = next((line for line in lines if line.startswith(f"{name}:")), "x 0")
    return int(found.split()[1]) / 1024


def prepare(name: str, stage: Stage) -> None:
    """Fill the base of a job."""
    function(name)(stage)


def measure(name: str, stage: Stage) -> dict[str, Any]:
    """The function's proof of what it did, taken after the clock has stopped."""
    proof = function(name)(stage)
    return {
        "seconds": stage.seconds,
        "cpu": stage.cpu,
        "idle_rss": stage.idle_rss,
        "client_rss": stage.client_rss,
        "backend_rss": stage.backend_rss,
        "proof": proof,
    }


def profile(name: str, stage: Stage) -> str:
    """Where the timed part spends its time: the slowest statements, then Python's functions."""
    from django.db import connection  # noqa: PLC0415

    stage.profile, statements = cProfile.Profile(), []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            statements.append((time.perf_counter() - began, " ".join(str(sql).split())[:110]))

    with connection.execute_wrapper(watch):
        measure(name, stage)
    out = io.StringIO()
    out.writelines(f"{took:8.3f} s  {words}\n" for took, words in sorted(statements, reverse=True)[:15])
    pstats.Stats(stage.profile, stream=out).sort_stats("tottime").print_stats(20)
    return out.getvalue()


def function(name: str) -> Any:
    """roster:limit of bench.jobs, or peers.roster:bulk_create of bench."""
    module, attribute = name.split(":")
    package = "bench" if module.startswith("peers.") else "bench.jobs"
    return getattr(importlib.import_module(f"{package}.{module}"), attribute)


def main(argv: list[str]) -> None:
    import django  # noqa: PLC0415

    django.setup()
    act, name, rows, folder = argv
    stage = Stage(int(rows), Path(folder))
    found: Any = None
    if act == "prepare":
        prepare(name, stage)
    elif act == "profile":
        found = profile(name, stage)
    else:
        found = measure(name, stage)
    print(json.dumps(found, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
