#!/usr/bin/env python3
"""Verify an exported audit chain without the system that made it. Python 3.8 or newer, nothing to install.

    python3 verify_chain.py chain.jsonl heads-2026-06.jsonl [more heads files]

chain.jsonl comes from `manage.py export_chain`; a heads file holds the heads that were put aside every hour, outside
the database. Exit code 0 and 一致 when every link follows from the one before and every known head is in the chain.
"""

import hashlib
import json
import sys

GENESIS = "00" * 32


def link_digest(previous, seq, text):
    """SHA-256 over the digest before, the number as 8 bytes, and the text of the event."""
    return hashlib.sha256(bytes.fromhex(previous) + seq.to_bytes(8, "big") + text.encode("utf-8")).hexdigest()


def verify_links(lines):
    """(digest of each link by number, faults); stops at the first broken link."""
    digests, previous = {0: GENESIS}, GENESIS
    for expected, line in enumerate(lines, start=1):
        link = json.loads(line)
        if link["seq"] != expected:
            return digests, ["第 %d 环缺失" % expected]
        if link["previous"] != previous:
            return digests, ["第 %d 环与上一环不相接" % expected]
        if link["text"] is None:
            return digests, ["第 %d 环所封的记录不见了" % expected]
        if link_digest(previous, expected, link["text"]) != link["digest"]:
            return digests, ["第 %d 环所封的记录被改动" % expected]
        previous = digests[expected] = link["digest"]
    return digests, []


def verify_heads(lines, digests):
    """Faults of the heads put aside: a head the chain does not reach, or knows with another digest."""
    faults = []
    for line in lines:
        head = json.loads(line)
        known = digests.get(head["seq"])
        if known is None:
            faults.append("%s 的链头是第 %d 环，导出的链里没有" % (head["at"], head["seq"]))
        elif known != head["head"]:
            faults.append("%s 的链头与导出的链不符（第 %d 环）" % (head["at"], head["seq"]))
    return faults


def main(paths):
    if not paths:
        print(__doc__)
        return 2
    with open(paths[0], encoding="utf-8") as file:
        digests, faults = verify_links(file)
    heads = 0
    for path in paths[1:]:
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        heads += len(lines)
        faults += verify_heads(lines, digests)
    for fault in faults:
        print("不一致：" + fault)
    if not faults:
        last = max(digests)
        print("一致：%d 环，%d 个链头，最后一环 %s" % (last, heads, digests[last]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
