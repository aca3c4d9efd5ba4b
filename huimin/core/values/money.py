"""Money in yuan: exact decimals from text in, formatted text out, and never a float between."""

from decimal import ROUND_HALF_UP, Decimal

from huimin.core.errors import BadInput
from huimin.core.values import numbers

CENT = Decimal("0.01")
MOST = Decimal("999999999999.99")  # what numeric(14,2) holds


def parse_yuan(
    value: str | Decimal | int, *, allow_negative: bool = False, allow_zero: bool = True, name: str = "金额"
) -> Decimal:
    """Yuan with exactly two places; the only way for money to come in.

    Reads 1,541.20, full-width digits, a leading ￥ and a trailing 元. Raises BadInput with the clerk's sentence
    (starting with `name`, so that "第4行" may be put before it); floats are a programming error, hence TypeError.
    Text with three places is refused even if the third is a zero; a Decimal counts by its value.
    """
    if isinstance(value, str):
        amount = _from_text(value, name)
    elif isinstance(value, Decimal):
        amount = _from_decimal(value, name)
    elif isinstance(value, int) and not isinstance(value, bool):
        amount = Decimal(value)
    else:
        raise TypeError(f"money comes from text or Decimal, not {type(value).__name__}")
    if amount < 0 and not allow_negative:
        raise BadInput(f"{name}不能是负数。要扣回请走“追回”。")
    if abs(amount) > MOST:
        raise BadInput(f"{name}超过系统能记的上限，请核对单位是不是元。")
    if amount == 0 and not allow_zero:
        raise BadInput(f"{name}为0。不发放的人请不要列入名单。")
    return amount.quantize(CENT) + 0  # + 0 turns minus zero into zero


def _from_text(text: str, name: str) -> Decimal:
    plain = numbers.plain(text).removesuffix("元")
    if plain.startswith(("￥", "¥")):
        plain = plain[1:]
    if not plain:
        raise BadInput(f"{name}为空，请填写。")
    match = numbers.WRITTEN.fullmatch(plain)
    if not match:
        raise BadInput(f"{name}“{numbers.shown(text)}”不是数字。")
    if len(match[2] or "") > 3:
        raise BadInput(f"{name}{numbers.shown(plain)}超过两位小数，系统不替您四舍五入。")
    return Decimal(plain.replace(",", ""))


def _from_decimal(value: Decimal, name: str) -> Decimal:
    if not value.is_finite():
        raise BadInput(f"{name}“{value}”不是数字。")
    if abs(value) <= MOST and value != value.quantize(CENT):
        raise BadInput(f"{name}{value:f}超过两位小数，系统不替您四舍五入。")
    return value


def round_yuan(amount: Decimal) -> Decimal:
    """Half-up to the fen, person by person: how published rosters add up (half-even and truncation do not)."""
    _refuse_float(amount)
    return amount.quantize(CENT, ROUND_HALF_UP) + 0


def format_yuan(amount: Decimal) -> str:
    """46,372,154.60, with the minus sign U+2212; no unit. Averages with more places are rounded half-up."""
    text = f"{round_yuan(amount):,.2f}"
    return text.replace("-", "\u2212")


def wan(amount: Decimal) -> str:
    """The amount in 万元, two places, no unit: for overviews only, never for a sum that must tie out."""
    _refuse_float(amount)
    return format_yuan(amount / 10000)


_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_UNITS = ("仟", "佰", "拾", "")


def capital_yuan(amount: Decimal) -> str:
    """The amount in words as 支付结算办法 (银发〔1997〕393号) annex 1 prescribes, with 人民币 before it.

    整 follows 元 and nothing else. Where the annex leaves a choice (元位是零而角位不是零) the 零 is written, as in
    its own first examples: 1,680.32 is 人民币壹仟陆佰捌拾元零叁角贰分. Negative or finer than a fen: ValueError.
    """
    _refuse_float(amount)
    if not 0 <= amount <= MOST or amount != amount.quantize(CENT):
        raise ValueError("only amounts from 0 to 999,999,999,999.99 with two places have a form in words")
    yuan, cents = divmod(int(amount * 100), 100)
    jiao, fen = divmod(cents, 10)
    if not cents:
        return f"人民币{_integer_words(yuan) or '零'}元整"
    words = f"{_integer_words(yuan)}元" if yuan else ""
    if words and (jiao == 0 or yuan % 10 == 0):
        words += "零"
    words += f"{_DIGITS[jiao]}角" if jiao else ""
    words += f"{_DIGITS[fen]}分" if fen else ""
    return f"人民币{words}"


def _integer_words(yuan: int) -> str:
    """Groups of four digits; a group that lacks its thousand, or follows an empty group, is led by one 零."""
    words, gap = "", False
    for unit, scale in (("亿", 10**8), ("万", 10**4), ("", 1)):
        group = yuan // scale % 10**4
        if not group:
            gap = bool(words)
            continue
        if words and (gap or group < 1000):
            words += "零"
        words, gap = words + _group_words(group) + unit, False
    return words


def _group_words(group: int) -> str:
    words, gap = "", False
    for digit, unit in zip(f"{group:04}", _UNITS, strict=True):
        if digit == "0":
            gap = bool(words)
            continue
        words += ("零" if gap else "") + _DIGITS[int(digit)] + unit
        gap = False
    return words


def _refuse_float(amount: Decimal) -> None:
    if not isinstance(amount, Decimal):
        raise TypeError(f"money is a Decimal, not {type(amount).__name__}")
