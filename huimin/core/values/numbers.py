"""Numbers as people write them, and the one rule for what is counted: areas, heads, incomes, years."""

import re
from decimal import Decimal

from huimin.core.errors import BadInput

# a comma stands before every three digits or nowhere: 3,5 is neither 35 nor 3.5
WRITTEN = re.compile(r"[+-]?(\d+|\d{1,3}(?:,\d{3})+)(\.\d+)?", re.ASCII)
# what numeric(12,4) holds and never negative; PostgreSQL reads the same pattern
QUANTITY = re.compile(r"[0-9]{1,8}([.][0-9]{1,4})?")

# digit by digit and not NFKC, which would read 10² as 102 and ① as 1
_ASCII = str.maketrans("０１２３４５６７８９，．－−＋", "0123456789,.--+")
_SPACES = dict.fromkeys(map(ord, " \t\r\n\u00a0\u3000\u200b\u200c\u200d\u2060\ufeff"))


def plain(text: str) -> str:
    """Without spaces; full-width digits, commas, points and signs made plain."""
    return text.translate(_SPACES).translate(_ASCII)


def parse_quantity(text: str, *, name: str = "数量", allow_zero: bool = True) -> Decimal:
    """A number of 亩, 人, 元 a month and the like: at most 8 digits and 4 places, never negative.

    Reads 1,234.5 and full-width digits. Raises BadInput with the clerk's sentence, which starts with `name`.
    """
    written = plain(text)
    if not written:
        raise BadInput(f"{name}为空，请填写。")
    if not WRITTEN.fullmatch(written):
        raise BadInput(f"{name}“{shown(text)}”不是数字。")
    if written.startswith("-"):
        raise BadInput(f"{name}“{shown(text)}”不能是负数。")
    digits = written.removeprefix("+").replace(",", "")
    if not QUANTITY.fullmatch(digits):
        raise BadInput(f"{name}“{shown(text)}”位数太多，整数最多八位，小数最多四位。")
    value = Decimal(digits)
    if not value and not allow_zero:
        raise BadInput(f"{name}为0。不申报的人请不要列入。")
    return value


def shown(text: str) -> str:
    """Somebody's input for a sentence: shortened, and without what may be a private number from another column."""
    text = re.sub(r"\d{11,}", "…", text.strip())
    return text if len(text) <= 20 else text[:20] + "…"
