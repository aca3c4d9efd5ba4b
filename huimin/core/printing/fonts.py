"""The fonts that printed papers use, and which characters they hold."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

from django.conf import settings

# the shipped font first; the system's CJK collection, when installed, has the rare characters of names
SYSTEM_FONTS = Path("/usr/share/fonts/opentype/noto")
SYSTEM_FILE = "NotoSansCJK-Regular.ttc"


def font_folders() -> list[Path]:
    """Folders handed to the typesetter, the shipped one first."""
    return [folder for folder in (shipped_folder(), SYSTEM_FONTS) if folder.is_dir()]


def shipped_folder() -> Path:
    """Where the font that comes with the project lies."""
    return Path(settings.BASE_DIR) / "static" / "fonts"


def missing_characters(text: str) -> str:
    """The characters of a text that no font has, each once, in order; they would print as empty boxes."""
    known = _known_characters()
    return "".join(
        letter for letter in dict.fromkeys(text) if ord(letter) not in known and not letter.isspace()
    )


@cache
def _known_characters() -> frozenset[int]:
    files = [*shipped_folder().glob("*.ttf"), SYSTEM_FONTS / SYSTEM_FILE]
    return frozenset().union(*(characters_of(path.read_bytes()) for path in files if path.is_file()))


def characters_of(data: bytes) -> set[int]:
    """The code points that a TrueType or OpenType file (of a collection: its first font) maps to a glyph."""
    start = struct.unpack_from(">L", data, 12)[0] if data[:4] == b"ttcf" else 0
    found: set[int] = set()
    cmap = _table(data, start, b"cmap")
    count = struct.unpack_from(">H", data, cmap + 2)[0]
    offsets = {struct.unpack_from(">HHL", data, cmap + 4 + 8 * index)[2] for index in range(count)}
    for offset in offsets:
        place = cmap + offset
        kind = struct.unpack_from(">H", data, place)[0]
        if kind == 4:
            found |= _segments(data, place)
        elif kind == 12:
            found |= _groups(data, place)
    return found


def _table(data: bytes, start: int, tag: bytes) -> int:
    for index in range(struct.unpack_from(">H", data, start + 4)[0]):
        name, _, offset, _ = struct.unpack_from(">4sLLL", data, start + 12 + 16 * index)
        if name == tag:
            return int(offset)
    raise ValueError("the font has no character map")


def _groups(data: bytes, place: int) -> set[int]:
    """Format 12: runs of code points."""
    found: set[int] = set()
    for index in range(struct.unpack_from(">L", data, place + 12)[0]):
        first, last, _ = struct.unpack_from(">LLL", data, place + 16 + 12 * index)
        found.update(range(first, last + 1))
    return found


def _segments(data: bytes, place: int) -> set[int]:
    """Format 4: segments within the first plane; a glyph number of zero means the character is missing."""
    doubled = struct.unpack_from(">H", data, place + 6)[0]
    size = doubled // 2
    ends = struct.unpack_from(f">{size}H", data, place + 14)
    starts = struct.unpack_from(f">{size}H", data, place + 16 + doubled)
    deltas = struct.unpack_from(f">{size}H", data, place + 16 + 2 * doubled)
    ranges_at = place + 16 + 3 * doubled
    ranges = struct.unpack_from(f">{size}H", data, ranges_at)
    found: set[int] = set()
    for index, (first, last) in enumerate(zip(starts, ends, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if ranges[index]:
                at = ranges_at + 2 * index + ranges[index] + 2 * (code - first)
                glyph = struct.unpack_from(">H", data, at)[0]
                if glyph == 0:
                    continue
            if (glyph + deltas[index]) & 0xFFFF:
                found.add(code)
    return found
