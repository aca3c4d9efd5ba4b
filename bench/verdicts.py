"""From samples to table lines: medians, ratios, goals; and INVALID when two ways did not do the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from bench.plan import Comparison, Goal, Peer

Proof = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one way in a process of its own; memory in megabytes, 0 where it could not be read.

    `cpu` is what client and database process computed: other people's work on the machine does not enter into it.
    `idle_rss` is what the process held before the job, most of it the imported packages.
    """

    seconds: float
    cpu: float
    idle_rss: float
    client_rss: float
    backend_rss: float
    proof: Proof


@dataclass(slots=True)
class Measured:
    """Every sample of one comparison at one number of rows; peers by their label, with the rows they ran at."""

    comparison: Comparison
    rows: int
    limit: list[Sample] = field(default_factory=list)
    ours: list[Sample] = field(default_factory=list)
    peers: dict[str, tuple[int, list[Sample]]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Line:
    """A line of the table; `peer` is seconds scaled to `rows` when it ran with fewer."""

    job: str
    rows: int
    limit: float
    ours: float
    peer: float | None
    peer_rows: int | None
    limit_ratio: float
    limit_cpu_ratio: float
    peer_ratio: float | None
    peer_cpu_ratio: float | None
    client_rss: float
    added_rss: float
    backend_rss: float
    growth: float | None
    goals: list[str]
    met: list[bool]
    invalid: str
    samples: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def differences(name: str, one: Proof, other: Proof, keys: Sequence[str] = ()) -> list[str]:
    """What two runs do not have in common: row count, sum in fen, digest, error set."""
    wanted = keys or sorted(one.keys() | other.keys())
    return [
        f"{name}: {key} {str(one.get(key))[:16]} != {str(other.get(key))[:16]}"
        for key in wanted
        if one.get(key) != other.get(key)
    ]


def seconds(samples: Sequence[Sample]) -> float:
    return median(sample.seconds for sample in samples)


def cpu(samples: Sequence[Sample]) -> float:
    return median(sample.cpu for sample in samples)


def megabytes(samples: Sequence[Sample]) -> float:
    return median(sample.client_rss for sample in samples)


def lines(measured: Sequence[Measured]) -> list[Line]:
    """The table, one line per number of rows and peer; a comparison without a peer has one line."""
    return [
        _line(one, _half(one, measured), peer, first=peer in (one.comparison.peers or (None,))[:1])
        for one in measured
        for peer in one.comparison.peers or (None,)
    ]


def _half(one: Measured, measured: Sequence[Measured]) -> Measured | None:
    return next(
        (other for other in measured if other.comparison == one.comparison and other.rows * 2 == one.rows),
        None,
    )


def _line(one: Measured, half: Measured | None, peer: Peer | None, *, first: bool) -> Line:
    limit, ours = seconds(one.limit), seconds(one.ours)
    peer_rows, peer_seconds = _scaled(one, peer)
    peer_rows = None if peer_rows == one.rows else peer_rows
    line = Line(
        job=one.comparison.job + (f" / {peer.label}" if peer else ""),
        rows=one.rows,
        limit=limit,
        ours=ours,
        peer=peer_seconds,
        peer_rows=peer_rows,
        limit_ratio=ours / limit,
        limit_cpu_ratio=cpu(one.ours) / cpu(one.limit),
        peer_ratio=peer_seconds / ours if peer_seconds is not None else None,
        peer_cpu_ratio=_peer_cpu(one, peer),
        client_rss=megabytes(one.ours),
        added_rss=median(sample.client_rss - sample.idle_rss for sample in one.ours),
        backend_rss=median(sample.backend_rss for sample in one.ours),
        growth=ours / seconds(half.ours) if half else None,
        goals=[],
        met=[],
        invalid="; ".join(list(dict.fromkeys(one.differences))[:3]),
        samples=len(one.ours),
    )
    goals = (*one.comparison.goals,) if first else ()
    goals += (peer.goal,) if peer and peer.goal else ()
    memory_growth = line.client_rss / megabytes(half.ours) if half else None
    for goal in goals:
        _judge(line, goal, memory_growth)
    return line


def _scaled(one: Measured, peer: Peer | None) -> tuple[int | None, float | None]:
    rows, samples = one.peers.get(peer.label, (0, [])) if peer else (0, [])
    if not samples:
        return None, None
    return rows, seconds(samples) * one.rows / rows


def _peer_cpu(one: Measured, peer: Peer | None) -> float | None:
    rows, samples = one.peers.get(peer.label, (0, [])) if peer else (0, [])
    if not samples:
        return None
    return cpu(samples) * one.rows / rows / cpu(one.ours)


def _judge(line: Line, goal: Goal, memory_growth: float | None) -> None:
    """Note a goal and whether it is met; one whose figure was not measured at this size is left out."""
    value = {
        "ours/limit": line.limit_ratio,
        "peer/ours": line.peer_ratio,
        "2N/N": line.growth,
        "RSS": line.client_rss,
        "added RSS": line.added_rss,
        "RSS growth": memory_growth,
    }[goal.figure]
    if value is not None:
        line.goals.append(f"{goal}" + (f" ({value:.2f})" if goal.figure == "RSS growth" else ""))
        line.met.append(goal.met(value))
