#!/usr/bin/env python3
"""Verify an exported audit chain without the system that made it. Python 3.9 or newer, nothing to install.

    python3 verify_chain.py chain.jsonl heads-2026-06.jsonl [more heads files]

chain.jsonl comes from `manage.py export_chain`; a heads file holds the heads that were put aside every hour, outside
the database. Exit code 0 and 一致 when every link follows from the one before and every known head is in the chain.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

GENESIS = "00" * 32


def link_digest(previous: str, seq: int, text: str) -> str:
    """SHA-256 over the digest before, the number as 8 bytes, and the text of the event."""
    return hashlib.sha256(bytes.fromhex(previous) + seq.to_bytes(8, "big") + text.encode("utf-8")).hexdigest()


def verify_links(lines: Iterable[str]) -> tuple[dict[int, str], list[str]]:
    """(digest of each link by number, faults); stops at the first broken link."""
    digests, previous = {0: GENESIS}, GENESIS
    for expected, line in enumerate(lines, start=1):
        link = json.loads(line)
        if link["seq"] != expected:
            return digests, [f"第 {expected} 环缺失"]
        if link["previous"] != previous:
            return digests, [f"第 {expected} 环与上一环不相接"]
        if link["text"] is None:
            return digests, [f"第 {expected} 环所封的记录不见了"]
        if link_digest(previous, expected, link["text"]) != link["digest"]:
            return digests, [f"第 {expected} 环所封的记录被改动"]
        previous = digests[expected] = link["digest"]
    return digests, []


def verify_heads(lines: Iterable[str], digests: dict[int, str]) -> list[str]:
    """Faults of the heads put aside: a head the chain does not reach, or knows with another digest."""
    faults = []
    for line in lines:
        head = json.loads(line)
        known = digests.get(head["seq"])
        if known is None:
            faults.append(f"{head['at']} 的链头是第 {head['seq']} 环，导出的链里没有")
        elif known != head["head"]:
            faults.append(f"{head['at']} 的链头与导出的链不符（第 {head['seq']} 环）")
    return faults


def main(paths: list[str]) -> int:
    if not paths:
        print(__doc__)
        return 2
    with Path(paths[0]).open(encoding="utf-8") as file:
        digests, faults = verify_links(file)
    heads = 0
    for path in paths[1:]:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        heads += len(lines)
        faults += verify_heads(lines, digests)
    for fault in faults:
        print(f"不一致：{fault}")
    if not faults:
        last = max(digests)
        print(f"一致：{last} 环，{heads} 个链头，最后一环 {digests[last]}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
