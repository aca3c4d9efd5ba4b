"""Several names in one box, as people write them: 邮储银行、邮政储蓄银行."""

from __future__ import annotations

import re

# written between names by people; kept is 、 alone
OTHER_SEPARATORS = r"[,，;；\n\r\t]"
_BETWEEN = re.compile(f"{OTHER_SEPARATORS}|、")


def names_in(text: str) -> list[str]:
    """The names of a text, each once, as they stand: between 、, commas and semicolons of any kind, and line breaks."""
    return list(dict.fromkeys(one.strip() for one in _BETWEEN.split(text) if one.strip()))


def joined(names: list[str]) -> str:
    """As they are kept."""
    return "、".join(names)
