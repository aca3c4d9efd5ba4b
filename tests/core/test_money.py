import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huimin.core.errors import BadInput
from huimin.core.values.money import MOST, capital_yuan, format_yuan, parse_yuan, round_yuan, wan

AMOUNTS = st.decimals(min_value=0, max_value=MOST, places=2, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("541.20", "541.20"),
        ("541.2", "541.20"),
        ("541", "541.00"),
        ("1,541.20", "1541.20"),
        ("12,345,678.90", "12345678.90"),
        ("１，５４１．２０", "1541.20"),
        ("￥541.20", "541.20"),
        ("¥541.20", "541.20"),
        ("541.20元", "541.20"),
        (" 541.20\u00a0", "541.20"),
        ("\ufeff541.20\u200b", "541.20"),
        ("-0.00", "0.00"),
        (Decimal("541.2000"), "541.20"),
        (Decimal("1E+2"), "100.00"),
        (541, "541.00"),
        ("999999999999.99", "999999999999.99"),
    ],
)
def test_amounts_are_read_as_written(text, amount):
    parsed = parse_yuan(text)
    assert str(parsed) == amount


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("541.205", "金额541.205超过两位小数，系统不替您四舍五入。"),
        ("541.200", "超过两位小数"),
        (Decimal("541.2049"), "金额541.2049超过两位小数"),
        ("-5", "金额不能是负数。要扣回请走“追回”。"),
        ("−5.00", "不能是负数"),
        ("", "金额为空，请填写。"),
        ("元", "金额为空"),
        ("—", "金额“—”不是数字。"),
        ("NaN", "不是数字"),
        ("Infinity", "不是数字"),
        (Decimal("NaN"), "不是数字"),
        (Decimal("Infinity"), "不是数字"),
        ("1e3", "不是数字"),
        ("1E20", "不是数字"),
        ("TRUE", "不是数字"),
        ("#REF!", "不是数字"),
        ("=A1", "不是数字"),
        ("伍佰元", "不是数字"),
        ("1.5万", "不是数字"),
        ("1,54", "不是数字"),
        ("1,20O", "金额“1,20O”不是数字。"),
        ("10²", "不是数字"),
        ("①", "不是数字"),
        ("٣", "不是数字"),
        ("1.", "不是数字"),
        (".5", "不是数字"),
        ("--1", "不是数字"),
        ("1000000000000", "上限"),
        (Decimal("1E20"), "上限"),
        (10**30, "上限"),
    ],
)
def test_what_is_not_an_amount_is_refused_with_its_cause(text, message):
    with pytest.raises(BadInput, match=re.escape(message)):
        parse_yuan(text)


@pytest.mark.parametrize("value", [541.2, True, None, b"5"])
def test_floats_and_other_types_are_programming_errors(value):
    with pytest.raises(TypeError):
        parse_yuan(value)


def test_a_long_text_is_not_quoted_whole():
    with pytest.raises(BadInput) as refused:
        parse_yuan("甲" * 500)
    assert len(str(refused.value)) < 40


def test_an_identity_number_in_the_amount_column_is_not_quoted():
    with pytest.raises(BadInput) as refused:
        parse_yuan("99010119900101123X")
    assert "990101" not in str(refused.value)


def test_negative_amounts_pass_where_the_caller_wants_them():
    assert parse_yuan("−5.10", allow_negative=True) == Decimal("-5.10")


def test_zero_is_refused_where_a_payment_is_meant():
    assert parse_yuan("0") == 0
    for zero in ("0", "-0.00", Decimal("0")):
        with pytest.raises(BadInput, match="金额为0。不发放的人请不要列入名单。"):
            parse_yuan(zero, allow_zero=False)


def test_the_sentence_starts_with_the_column_the_caller_names():
    with pytest.raises(BadInput, match="补贴标准为空"):
        parse_yuan("", name="补贴标准")


@given(AMOUNTS)
def test_what_is_formatted_is_read_back(amount):
    assert parse_yuan(format_yuan(amount)) == amount


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [("2.675", "2.68"), ("2.665", "2.67"), ("2.674999", "2.67"), ("-2.675", "-2.68"), ("-0.001", "0.00")],
)
def test_rounding_is_half_up(exact, rounded):
    assert str(round_yuan(Decimal(exact))) == rounded


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("46372154.60", "46,372,154.60"),
        ("-1234.5", "−1,234.50"),
        ("0", "0.00"),
        ("-0.001", "0.00"),
        ("2.675", "2.68"),
    ],
)
def test_amounts_are_shown_with_separators_and_a_true_minus(amount, text):
    assert format_yuan(Decimal(amount)) == text


def test_overviews_are_in_ten_thousands():
    assert wan(Decimal("46372154.60")) == "4,637.22"
    assert wan(Decimal("50")) == "0.01"


@pytest.mark.parametrize("convert", [round_yuan, format_yuan, wan, capital_yuan])
def test_no_float_gets_through(convert):
    with pytest.raises(TypeError):
        convert(1.5)


# 支付结算办法（银发〔1997〕393号）附一，第五、六条的例子，以及零、连零、整万、亿
@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("1409.50", "壹仟肆佰零玖元伍角"),
        ("6007.14", "陆仟零柒元壹角肆分"),
        ("1680.32", "壹仟陆佰捌拾元零叁角贰分"),
        ("107000.53", "壹拾万柒仟元零伍角叁分"),
        ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("325.04", "叁佰贰拾伍元零肆分"),
        ("0", "零元整"),
        ("0.05", "伍分"),
        ("0.50", "伍角"),
        ("0.55", "伍角伍分"),
        ("10", "壹拾元整"),
        ("1000.50", "壹仟元零伍角"),
        ("1000.05", "壹仟元零伍分"),
        ("100000", "壹拾万元整"),
        ("10000.01", "壹万元零壹分"),
        ("100005", "壹拾万零伍元整"),
        ("10010001", "壹仟零壹万零壹元整"),
        ("100005000", "壹亿零伍仟元整"),
        ("100010000", "壹亿零壹万元整"),
        ("120000005", "壹亿贰仟万零伍元整"),
        ("1000000000", "壹拾亿元整"),
        ("9999999999.99", "玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    ],
)
def test_amounts_in_words_follow_the_annex(amount, words):
    assert capital_yuan(Decimal(amount)) == f"人民币{words}"


@pytest.mark.parametrize("amount", ["-1", "0.001", "1000000000000"])
def test_what_has_no_form_in_words_is_refused(amount):
    with pytest.raises(ValueError, match="in words"):
        capital_yuan(Decimal(amount))


def read_words(words):
    """An independent reader: every digit weighs what the units after it say; 零 weighs nothing."""
    cents = section = digit = 0
    for sign in words.removeprefix("人民币").removesuffix("整"):
        if sign in "零壹贰叁肆伍陆柒捌玖":
            digit = "零壹贰叁肆伍陆柒捌玖".index(sign)
        elif sign in "拾佰仟":
            section, digit = section + digit * 10 ** ("拾佰仟".index(sign) + 1), 0
        elif sign in "亿万元":
            cents, section, digit = (
                cents + (section + digit) * {"亿": 10**10, "万": 10**6, "元": 100}[sign],
                0,
                0,
            )
        else:
            cents, digit = cents + digit * {"角": 10, "分": 1}[sign], 0
    return Decimal(cents) / 100


@given(AMOUNTS)
def test_words_are_read_back_to_the_fen_and_never_stutter(amount):
    words = capital_yuan(amount)
    assert read_words(words) == amount
    assert "零零" not in words
    assert not re.search(r"零[拾佰仟万亿]", words)
    assert words.endswith("整") == (amount == amount.to_integral_value())
