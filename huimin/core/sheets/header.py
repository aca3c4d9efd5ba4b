"""The header line: where it is, and whether it carries exactly the expected titles."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher

from huimin.core.errors import RowError
from huimin.core.sheets.refusals import refused_rows
from huimin.core.sheets.scan import column_letters

ROW_TITLE = "行号"
ERROR_TITLE = "错误说明"
ERROR_TITLES = (ROW_TITLE, ERROR_TITLE)  # stand in front of an error workbook and are skipped on re-upload
NEAR = 0.3


def is_blank(cells: Sequence[str]) -> bool:
    """Whether a line carries nothing but white space."""
    return not any(cell and cell.strip() for cell in cells)


def plain_title(title: str) -> str:
    """A title as it is compared: full-width brackets and letters as half-width, no white space."""
    return "".join(unicodedata.normalize("NFKC", title).split())


def find_header(lines: Sequence[Sequence[str]], expected: Sequence[str] = ()) -> int | None:
    """The index of the header among the first lines, or None when there is none."""
    if not expected:
        filled = [sum(1 for cell in cells if cell.strip()) for cells in lines]
        return next((index for index, count in enumerate(filled) if count >= 2), None)
    wanted = {plain_title(title) for title in expected}
    hits = [len(wanted & {plain_title(cell) for cell in cells}) for cells in lines]
    best = max(hits, default=0)
    needed = 1 if len(wanted) < 3 else max(2, len(wanted) // 3)
    return hits.index(best) if best >= needed else None


def match_header(
    header: Sequence[str], expected: Sequence[str], *, optional: Collection[str] = ()
) -> dict[str, int]:
    """The column index of each expected title; raises FileRefused naming every missing, extra, double column.

    Titles must be the expected ones, in any order; titles in `optional` may be absent. The two columns of
    an error workbook are passed over.
    """
    names = {plain_title(title): title for title in expected}
    places: dict[str, list[int]] = {}
    extra: list[tuple[int, str]] = []
    for index, title in enumerate(header):
        known = names.get(plain_title(title))
        if known is not None:
            places.setdefault(known, []).append(index)
        elif title.strip() not in ERROR_TITLES:
            extra.append((index, title.strip()))
    missing = [title for title in expected if title not in places and title not in optional]
    errors = _missing_errors(missing, extra) + _double_errors(places) + _extra_errors(missing, extra)
    if errors:
        raise refused_rows(errors)
    return {title: found[0] for title, found in places.items()}


def _missing_errors(missing: Sequence[str], extra: Sequence[tuple[int, str]]) -> list[RowError]:
    errors = []
    for title in missing:
        near = nearest(title, [name for _, name in extra])
        hint = f"疑似“{near}”列，请改为“{title}”。" if near else "请使用系统下载的模板。"
        errors.append(RowError(None, title, f"缺少必填列：{title}。{hint}"))
    return errors


def _double_errors(places: dict[str, list[int]]) -> list[RowError]:
    errors = []
    for title, found in places.items():
        if len(found) > 1:
            letters = "、".join(f"{column_letters(index)}列" for index in found)
            count = "两" if len(found) == 2 else str(len(found))
            errors.append(RowError(None, title, f"“{title}”列出现{count}次({letters})，无法判断用哪一列。"))
    return errors


def _extra_errors(missing: Sequence[str], extra: Sequence[tuple[int, str]]) -> list[RowError]:
    suspects = {nearest(title, [name for _, name in extra]) for title in missing}
    errors = []
    for index, name in extra:
        if name not in suspects:
            shown = f"“{name}”" if name else "（没有列名）"
            errors.append(RowError(None, name, f"{column_letters(index)}列{shown}不是模板中的列，请删除。"))
    return errors


def nearest(title: str, names: Sequence[str]) -> str:
    """The name most like the title, or "" when none is like it."""
    ratios = [
        (SequenceMatcher(None, plain_title(title), plain_title(name)).ratio(), name) for name in names if name
    ]
    ratio, name = max(ratios, default=(0.0, ""))
    return name if ratio >= NEAR else ""
