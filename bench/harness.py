"""Runs the comparisons: bases filled once per size, every measured run in a fresh process and a fresh database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench import databases
from bench.plan import Comparison, Peer, Size
from bench.verdicts import Measured, Proof, Sample, differences, seconds

ROOT = Path(__file__).resolve().parent.parent
# a base that begins with another job's data
BUILT_ON = {"bank_file": "roster", "reconciliation": "bank_file"}
NO_TIMEOUT = "-c statement_timeout=0 -c lock_timeout=0 -c jit=off"


class Broken(Exception):
    """A run ended with an error; the message is its last lines."""


def child(act: str, name: str, rows: int, folder: Path, url: str) -> Any:
    """Run one function in a fresh interpreter against the database of `url`."""
    environment = os.environ | {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "huimin.settings",
        "HUIMIN_PG_OPTIONS": NO_TIMEOUT,
        "PYTHONPATH": str(ROOT),
    }
    words = [sys.executable, "-m", "bench.child", act, name, str(rows), str(folder)]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Broken(f"{act} {name} with {rows} rows:\n{done.stderr.strip()[-1500:]}")
    return json.loads(done.stdout.splitlines()[-1])


Start = Callable[[str, str, int, Path, str], Any]  # act, function, rows, folder, URL of the database


def job_of(name: str) -> str:
    """roster:limit and peers.roster:bulk_create start from the base of roster."""
    return name.split(":", maxsplit=1)[0].removeprefix("peers.")


class Bases:
    """Filled databases by job and number of rows, made when first asked for."""

    def __init__(self, folder: Path, say: Callable[[str], None], start: Start = child) -> None:
        self.folder = folder
        self.say = say
        self.start = start
        self.template = databases.template()
        self.made: dict[tuple[str, int], str] = {}
        self.reuse_peers = False
        self.taken: dict[str, Sample] = {}

    def base(self, job: str, rows: int) -> str:
        """The name of the database that runs of this job and size are copied from."""
        if (job, rows) not in self.made:
            below = BUILT_ON.get(job)
            source = self.base(below, rows) if below else self.template
            name = f"{databases.PREFIX}_{job}_{rows}"
            self.say(f"fill {job} {rows:,}")
            databases.clone(source, name)
            self.files(job, rows).mkdir(parents=True, exist_ok=True)
            self.start("prepare", f"{job}:prepare", rows, self.files(job, rows), databases.owner_url(name))
            databases.settle(name)
            self.made[job, rows] = name
        return self.made[job, rows]

    def files(self, job: str, rows: int) -> Path:
        return self.folder / f"{job}_{rows}"

    def forget(self, rows: int) -> None:
        """Drop what was filled with this number of rows."""
        for key in [key for key in self.made if key[1] == rows]:
            databases.drop(self.made.pop(key))

    def run(self, name: str, rows: int, *, reads_only: bool = False) -> Sample:
        """One measured run in a copy of its base, or in the base itself."""
        if not reads_only:
            return Sample(**self.in_copy("measure", name, rows))
        job = job_of(name)
        url = databases.app_url(self.base(job, rows))
        return Sample(**self.start("measure", name, rows, self.files(job, rows), url))

    def peer(self, peer: Peer, rows: int, *, reads_only: bool = False) -> Sample:
        """A run of a usual way; in the smallest plan it is taken once for all sizes, since it is scaled anyway."""
        if self.reuse_peers and peer.method in self.taken:
            return self.taken[peer.method]
        self.taken[peer.method] = self.run(peer.method, rows, reads_only=reads_only)
        return self.taken[peer.method]

    def expected(self, one: Comparison, rows: int) -> Proof:
        """What everybody must come to with the peers' number of rows."""
        key = f"{one.ours}, {rows}"
        if key not in self.taken:
            self.taken[key] = self.run(one.ours, rows, reads_only=one.reads_only)
        return self.taken[key].proof

    def in_copy(self, act: str, name: str, rows: int) -> Any:
        job = job_of(name)
        source = self.base(job, rows)
        run = f"{databases.PREFIX}_run"
        databases.clone(source, run)
        try:
            return self.start(act, name, rows, self.files(job, rows), databases.app_url(run))
        finally:
            databases.drop(run)


def compare(one: Comparison, rows: int, size: Size, bases: Bases) -> Measured:
    """The rounds: limit, ours, peers, ours, limit. What a run came to is compared before its time counts."""
    measured = Measured(one, rows, peers={peer.label: (size.peer_rows, []) for peer in one.peers})
    wanted = bases.expected(one, size.peer_rows) if one.peers else {}
    for number in range(size.rounds[rows]):
        for name in (one.limit, one.ours):
            take(measured, name, bases)
        for peer in one.peers if number < size.peer_rounds else ():
            sample = bases.peer(peer, size.peer_rows, reads_only=one.reads_only)
            measured.peers[peer.label][1].append(sample)
            measured.differences += differences(peer.label, sample.proof, wanted, one.proof)
        for name in (one.ours, one.limit):
            take(measured, name, bases)
        bases.say(f"{one.job} {rows:,}, round {number + 1} of {size.rounds[rows]}: {sofar(measured)}")
    return measured


def sofar(measured: Measured) -> str:
    """Medians up to here, for those who wait."""
    words = [f"limit {seconds(measured.limit):.2f} s", f"ours {seconds(measured.ours):.2f} s"]
    words += [
        f"{label} {seconds(runs):.2f} s ({rows:,} rows)"
        for label, (rows, runs) in measured.peers.items()
        if runs
    ]
    return ", ".join(words + measured.differences[:1])


def take(measured: Measured, name: str, bases: Bases) -> None:
    """One run of limit or ours, held against the first run of ours."""
    sample = bases.run(name, measured.rows, reads_only=measured.comparison.reads_only)
    side = measured.limit if name == measured.comparison.limit else measured.ours
    side.append(sample)
    first = (measured.ours or measured.limit)[0]
    measured.differences += differences(name, sample.proof, first.proof, measured.comparison.proof)


def run_all(comparisons: Sequence[Comparison], size: Size, bases: Bases) -> list[Measured]:
    """Every comparison at every size, smallest first; bases are dropped as soon as they are not needed."""
    found = []
    bases.reuse_peers = size.reuse_peers
    for rows in size.rounds:
        found += [compare(one, rows, size, bases) for one in comparisons]
        bases.forget(rows)
    return sorted(found, key=lambda one: (comparisons.index(one.comparison), one.rows))
