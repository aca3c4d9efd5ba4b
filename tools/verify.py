#!/usr/bin/env python3
"""核验公开名单：这份 CSV 和签章发放的名单是不是同一份。只用 Python 自带的库，不联网，不需要本项目。

    python3 verify.py 名单.csv                     与文件第 1 行写的核验码比
    python3 verify.py 名单.csv --code 7K3M90QX…    与墙上公示的核验码比（16 个字，或 64 位全码）
    python3 verify.py 名单.csv --against 另一份.csv  两份逐行比

退出码：0 一样，1 不一样（写明哪一行），2 文件读不了。算法见 docs/verification.md。
"""

import argparse
import csv
import hashlib
import io
import json
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path

MARK = "惠民直达公开名单"
# the open fields under a leaf, in this order; the rest of the columns is for reading
OPEN = ("序号", "村代码", "组", "姓名", "数量", "补贴标准", "金额")
PLACES = {"数量": Decimal("0.0001"), "金额": Decimal("0.01")}
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Unreadable(Exception):
    """A file that is not an open list; the text says where."""


def leaf_of(row):
    """sha256(00 || commitment || open fields as a JSON array without spaces)."""
    try:
        fields = [canonical(title, row[title]) for title in OPEN]
        commitment = bytes.fromhex(row["隐私指纹"].strip())
    except (InvalidOperation, ValueError):
        return None
    if len(commitment) != 32:
        return None
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(b"\x00" + commitment + text.encode()).digest()


def canonical(title, text):
    """Numbers as the list holds them: a spreadsheet's 584.8 is 584.80; 584.841 stays and is found."""
    if title == "序号":
        return str(int(text))
    if title not in PLACES:
        return text.strip() if title == "村代码" else text
    value = Decimal(text.strip().replace(",", ""))
    rounded = value.quantize(PLACES[title])
    return f"{rounded if rounded == value else value:f}"


def root_of(leaves):
    """RFC 6962: node = sha256(01 || left || right), an odd last node moves up as it is."""
    level = list(leaves)
    if not level:
        return hashlib.sha256(b"").hexdigest()
    while len(level) > 1:
        pairs = [
            hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)
        ]
        level = pairs + level[-1:] if len(level) % 2 else pairs
    return level[0].hex()


def short_code(root):
    number = int(root[:20], 16)
    return "".join(ALPHABET[number >> shift & 31] for shift in range(75, -1, -5))


def read(path):
    """(first line, rows as dictionaries with their line in the file)."""
    content = Path(path).read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise Unreadable("文件的编码不认识")
    table = list(csv.reader(io.StringIO(text, newline="")))
    if len(table) < 2 or len(table[0]) < 5 or table[0][0].strip() != MARK:
        raise Unreadable("这不是下载的公开名单：第 1 行不对")
    titles = [title.strip() for title in table[1]]
    missing = [title for title in (*OPEN, "隐私指纹", "行指纹") if title not in titles]
    if missing:
        raise Unreadable(f"缺少“{missing[0]}”这一列")
    rows = [
        (number, dict(zip(titles, cells, strict=False)))
        for number, cells in enumerate(table[2:], 3)
        if any(cell.strip() for cell in cells)
    ]
    if any(len(row) < len(titles) for _, row in rows):
        raise Unreadable("有的行列数不够")
    return table[0], rows


def name(number, row):
    return f"文件第 {number} 行（序号 {row['序号']}，{row['姓名']}）"


def own_faults(rows):
    """Lines whose open fields no longer give the leaf written beside them; then numbers that are not 1, 2, 3 …"""
    faults = [
        f"{name(number, row)}：内容改过"
        for number, row in rows
        if (leaf_of(row) or b"").hex() != row["行指纹"].strip().lower()
    ]
    for place, (number, row) in enumerate(rows, 1):
        if row["序号"].strip() != str(place):
            faults.append(f"{name(number, row)}：序号应为 {place}，有行被删、加或调换")
            break
    return faults


def check(path, code=""):
    """What is wrong with a list against a code (its own, when none is given); an empty list means nothing."""
    head, rows = read(path)
    faults = own_faults(rows)
    wanted = code or head[2]
    leaves = [leaf_of(row) for _, row in rows]
    if None in leaves:
        return faults or ["有的行读不出数字"]
    root = root_of(leaves)
    if wanted.lower() != root and wanted.upper() != short_code(root):
        faults.append(f"核验码不一样：名单算出 {root}（{short_code(root)}），应为 {wanted}")
        if len(rows) != int(head[3]):
            faults.append(f"名单应有 {head[3]} 行，文件里有 {len(rows)} 行")
    return faults


def compare(path, other):
    """Lines that differ between two lists, by serial number."""
    mine = {row["序号"].strip(): (number, row) for number, row in read(path)[1]}
    theirs = {row["序号"].strip(): (number, row) for number, row in read(other)[1]}
    faults = []
    for serial in sorted(mine.keys() | theirs.keys(), key=lambda text: (len(text), text)):
        if serial not in theirs:
            faults.append(f"{name(*mine[serial])}：另一份里没有")
        elif serial not in mine:
            faults.append(f"序号 {serial}（{theirs[serial][1]['姓名']}）：这一份里没有")
        elif leaf_of(mine[serial][1]) != leaf_of(theirs[serial][1]):
            unlike = [
                title for title in (*OPEN, "隐私指纹") if mine[serial][1][title] != theirs[serial][1][title]
            ]
            faults.append(f"{name(*mine[serial])}：{'、'.join(unlike)}不一样")
    return faults


def main(arguments=None):
    parser = argparse.ArgumentParser(description="核验公开名单")
    parser.add_argument("file", help="下载的公开名单（CSV）")
    parser.add_argument("--code", default="", help="墙上公示的核验码")
    parser.add_argument("--against", default="", help="与另一份名单逐行比")
    options = parser.parse_args(arguments)
    try:
        code = "".join(options.code.split()).replace("-", "")
        faults = compare(options.file, options.against) if options.against else check(options.file, code)
    except (OSError, Unreadable, ValueError) as error:
        print(f"读不了：{error}")
        return 2
    if not faults:
        print("一样：这份名单能算出这个核验码，一字不差。")
        return 0
    print("不一样：")
    for fault in faults[:50]:
        print(f"  {fault}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
