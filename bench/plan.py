"""What is compared with what, and which ratios are wanted. Plain data: no Django, no database, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Figure = Literal["ours/limit", "peer/ours", "2N/N", "RSS", "added RSS", "RSS growth"]
AT_LEAST: frozenset[Figure] = frozenset({"peer/ours"})


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio of one run that is wanted, or megabytes of the client: all it has, or what the job added to the idle process."""

    name: str
    figure: Figure
    bound: float

    def met(self, value: float) -> bool:
        return value >= self.bound if self.figure in AT_LEAST else value <= self.bound

    def __str__(self) -> str:
        sign = "≥" if self.figure in AT_LEAST else "≤"
        unit = " MB" if self.figure in {"RSS", "added RSS"} else ""
        return f"{self.name} {self.figure} {sign} {self.bound:g}{unit}"


@dataclass(frozen=True, slots=True)
class Peer:
    """A usual way of doing the job; a slow one runs with few rows and is scaled, which favours it."""

    label: str
    method: str
    goal: Goal | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One job: `limit` and `ours` are "module:function" of bench.jobs, both started from the base of `module`."""

    letter: str
    job: str
    limit: str
    ours: str
    peers: tuple[Peer, ...] = ()
    goals: tuple[Goal, ...] = ()
    # the job only reads, so its runs need no copy of the base
    reads_only: bool = False
    # what both sides must have in common: keys of the proof; empty means all of it
    proof: tuple[str, ...] = ()


GROWTH = Goal("L", "2N/N", 2.1)

COMPARISONS = (
    Comparison(
        "a",
        "registry import",
        "registry_import:limit",
        "registry_import:ours",
        (
            Peer("openpyxl + bulk_create", "peers.registry_import:openpyxl_bulk", Goal("A2", "peer/ours", 4)),
            Peer(
                "import-export use_bulk", "peers.registry_import:import_export", Goal("A2", "peer/ours", 25)
            ),
        ),
        (Goal("A1", "ours/limit", 1.8), Goal("A3", "RSS", 300), Goal("A3", "RSS growth", 2.0), GROWTH),
    ),
    Comparison(
        "b",
        "roster",
        "roster:limit",
        "roster:ours",
        (
            Peer("bulk_create 2000", "peers.roster:bulk_create", Goal("B2", "peer/ours", 5)),
            Peer("queries per recipient", "peers.roster:per_recipient", Goal("B2", "peer/ours", 30)),
        ),
        (Goal("B1", "ours/limit", 1.5), Goal("B2", "added RSS", 50), GROWTH),
    ),
    Comparison(
        "b",
        "roster, integrity chain on/off",
        "roster:without_chain",
        "roster:ours",
        goals=(Goal("B3", "ours/limit", 1.15),),
    ),
    Comparison(
        "b",
        "roster by household, a line for every third person",
        "household_roster:limit",
        "household_roster:ours",
        goals=(Goal("B1", "ours/limit", 1.5), GROWTH),
    ),
    Comparison(
        "c",
        "bank file TXT",
        "bank_file:limit_txt",
        "bank_file:ours_txt",
        (Peer("ORM objects", "peers.bank_file:orm_txt"),),
        (Goal("C1", "ours/limit", 2.0), Goal("C1", "RSS growth", 1.1), GROWTH),
        reads_only=True,
    ),
    Comparison(
        "c",
        "bank file XLSX",
        "bank_file:limit_xlsx",
        "bank_file:ours_xlsx",
        (Peer("openpyxl write_only", "peers.bank_file:openpyxl_xlsx", Goal("C2", "peer/ours", 3)),),
        (Goal("C2", "ours/limit", 2.0), Goal("C2", "added RSS", 50), GROWTH),
        reads_only=True,
        proof=("rows", "fen", "content"),
    ),
    Comparison(
        "c",
        "order sent: checked, file stored, read back",
        "bank_file:limit_sent",
        "bank_file:sent",
        proof=("rows", "fen"),
    ),
    Comparison(
        "d",
        "return file",
        "reconciliation:limit",
        "reconciliation:ours",
        (
            Peer("bulk_update 500", "peers.reconciliation:bulk_update", Goal("D2", "peer/ours", 40)),
            Peer("query + save per row", "peers.reconciliation:per_row", Goal("D2", "peer/ours", 200)),
        ),
        (Goal("D1", "ours/limit", 2.0), GROWTH),
    ),
    *(
        Comparison(
            "k",
            f"claims, {kind}: GiST exclusion against one row per month",
            f"claims:month_{kind}",
            f"claims:range_{kind}",
            proof=("rows", "refused"),
        )
        for kind in ("yearly", "monthly")
    ),
)


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows, and how many rounds of `limit, ours, peers, ours, limit` at each of them."""

    rounds: dict[int, int]
    peer_rows: int
    peer_rounds: int
    reuse_peers: bool = False


SIZES = {
    "small": Size({20_000: 2, 40_000: 1}, peer_rows=2_000, peer_rounds=1, reuse_peers=True),
    "full": Size({20_000: 3, 100_000: 1, 200_000: 1}, peer_rows=5_000, peer_rounds=1),
}
