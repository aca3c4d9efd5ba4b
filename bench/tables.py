"""The Markdown table and the JSON of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.verdicts import Line

TITLES = ("job", "n", "limit", "ours", "peer", "ours/limit", "peer/ours", "RSS", "2N/N", "goal", "met")
NOTE = (
    "Seconds are medians; limit, ours and peer ran in turn, each in a fresh process. ~ = ran with fewer rows, scaled. "
    "In brackets beside a ratio: the same of CPU seconds, client and database process together, which other work on the machine "
    "does not stretch. RSS = peak of ours in MB: client (of which added to the idle process) / database backend with the buffers it touched."
)


def markdown(
    lines: Sequence[Line], facts: Mapping[str, str], checks: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The whole report: facts of the machine, the table, and single checks beneath it."""
    rows = [_row(TITLES), _row(["---"] * len(TITLES)), *(_row(_cells(line)) for line in lines)]
    head = [f"* {name}: {value}" for name, value in facts.items()]
    tail = [
        f"* {_sign(check['met'])} {check['name']}: {check['value']} ({check['goal']})" for check in checks
    ]
    blocks = ["\n".join(head), "\n".join(rows), NOTE, *(["\n".join(tail)] if tail else [])]
    return "\n\n".join(blocks) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(line: Line) -> list[str]:
    scaled = "~" if line.peer_rows else ""
    return [
        line.job,
        f"{line.rows:,}",
        f"{line.limit:.2f} s",
        f"{line.ours:.2f} s",
        "–" if line.peer is None else f"{scaled}{line.peer:.2f} s",
        f"{line.limit_ratio:.2f} ({line.limit_cpu_ratio:.2f})",
        "–" if line.peer_ratio is None else f"{scaled}{line.peer_ratio:.1f} ({line.peer_cpu_ratio:.1f})",
        f"{line.client_rss:.0f} (+{line.added_rss:.0f}) / {line.backend_rss:.0f}",
        "–" if line.growth is None else f"{line.growth:.2f}",
        "<br>".join(line.goals) or "–",
        met(line),
    ]


def met(line: Line) -> str:
    """INVALID goes before every goal: a way that did something else was not measured."""
    if line.invalid:
        return f"INVALID ({line.invalid})"
    return "<br>".join(map(_sign, line.met)) or "–"


def _sign(value: bool) -> str:
    return "yes" if value else "**no**"


def as_json(
    lines: Sequence[Line], facts: Mapping[str, str], checks: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    return {"facts": dict(facts), "lines": [line.as_dict() for line in lines], "checks": list(checks)}
