"""Started by `python3 run.py bench`; see docs/performance.md. Prints a table; seconds never fail it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import databases, tables, verdicts
from bench.harness import Bases, Broken, run_all
from bench.plan import COMPARISONS, SIZES, Comparison

PACKAGES = ("Django", "psycopg", "python-calamine", "openpyxl", "django-import-export", "cryptography")


def options(argv: list[str] | None = None) -> argparse.Namespace:
    letters = sorted({one.letter for one in COMPARISONS})
    parser = argparse.ArgumentParser(prog="run.py bench", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--only", default=",".join(letters), help=f"some of {','.join(letters)}")
    parser.add_argument(
        "--json", nargs="?", const="-", help="print the figures as JSON, or write them to this file"
    )
    parser.add_argument(
        "--profile", help="instead: where one way spends its time, such as registry_import:ours"
    )
    parser.add_argument("--rows", type=int, default=20_000, help="rows for --profile")
    chosen = parser.parse_args(argv)
    chosen.only = set(chosen.only.split(","))
    if unknown := chosen.only - set(letters):
        parser.error(f"unknown job {', '.join(sorted(unknown))}")
    return chosen


def facts(before: float) -> dict[str, str]:
    """What the figures depend on."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        **databases.facts(),
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "load average": f"{before:.1f} at the start, {os.getloadavg()[0]:.1f} at the end",
        "checkpoint before each step": "yes" if databases.checkpoint() else "no (not allowed)",
    }


def chosen_comparisons(only: set[str]) -> list[Comparison]:
    return [one for one in COMPARISONS if one.letter in only]


def main() -> int:
    asked = options()
    load, began = os.getloadavg()[0], time.monotonic()

    def say(words: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {words}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="huimin-bench-") as folder:
        try:
            bases = Bases(Path(folder), say)
            if asked.profile:
                print(bases.in_copy("profile", asked.profile, asked.rows))
                return 0
            measured = run_all(chosen_comparisons(asked.only), SIZES[asked.size], bases)
            checks = single_checks(bases, SIZES[asked.size].peer_rows) if "a" in asked.only else []
        except Broken as broken:
            print(broken, file=sys.stderr)
            return 1
        finally:
            databases.drop_all()
    return report(verdicts.lines(measured), facts(load), checks, asked.json)


def single_checks(bases: Bases, rows: int) -> list[dict[str, Any]]:
    """A4, which compares with nothing."""
    digits = bases.run("registry_import:check_digits", rows)
    micro = digits.seconds / rows * 1e6
    faults = bases.run("registry_import:error_list", rows).proof
    listed = f"{faults['wanted'] - len(faults['missing'])} of {faults['wanted']} faults named, {faults['written']} rows written"
    whole = not faults["missing"] and not faults["written"]
    return [
        {"name": "check digits", "value": f"{micro:.2f} µs per row", "goal": "A4 ≤ 2", "met": micro <= 2},
        {"name": "error list", "value": listed, "goal": "A4 every fault, nothing written", "met": whole},
    ]


def report(
    lines: list[verdicts.Line], about: dict[str, str], checks: list[dict[str, Any]], into: str | None
) -> int:
    """Print the table or the figures; 1 only when two ways did not come to the same result."""
    figures = json.dumps(tables.as_json(lines, about, checks), ensure_ascii=False, indent=1)
    if into and into != "-":
        Path(into).write_text(figures, encoding="utf-8")
    print(figures if into == "-" else tables.markdown(lines, about, checks))
    return 1 if any(line.invalid for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
