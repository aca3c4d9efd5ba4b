import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huimin.core.errors import BadInput
from huimin.core.values import identity
from huimin.core.values.identity import (
    account_tail,
    card_suspect,
    check_digit,
    check_digits_ok,
    disability_certificate,
    is_card,
    luhn_ok,
    mask_id,
    mask_id_public,
    mask_id_staff,
    mask_name_middle,
    mask_name_surname,
    mask_phone,
    normalise_account,
    normalise_id_number,
    normalise_name,
    normalise_phone,
    parse_id_number,
)

TODAY = date(2026, 11, 21)


def number(birth="19900101", area="990101", order="123"):
    first17 = area + birth + order
    return first17 + check_digit(first17)


def number_ending_in_x():
    return next(n for n in (number(order=f"{i:03}") for i in range(1000)) if n.endswith("X"))


FIRST17 = st.builds(
    lambda area, day, order: f"99{area:04}{day:%Y%m%d}{order:03}",
    st.integers(0, 9999),
    st.dates(date(1900, 1, 1), TODAY),
    st.integers(0, 999),
)


def slow_check_digit(first17):
    weights = [2**i % 11 for i in range(17, 0, -1)]  # ISO 7064 MOD 11-2, from its definition
    total = sum(int(d) * w for d, w in zip(first17, weights, strict=True))
    return "0123456789X"[(12 - total % 11) % 11]


@given(FIRST17)
def test_the_check_digit_is_the_one_of_iso_7064(first17):
    assert check_digit(first17) == slow_check_digit(first17)


def test_a_published_example_of_the_standard_is_right():
    assert check_digits_ok("11010519491231002X")  # GB 11643-1999, the standard's own example
    assert check_digits_ok("440524188001010014")


@given(FIRST17)
def test_a_right_number_is_read_with_birth_date_and_sex(first17):
    parsed = parse_id_number(first17 + check_digit(first17), today=TODAY)
    assert parsed.birth_date == date(int(first17[6:10]), int(first17[10:12]), int(first17[12:14]))
    assert parsed.sex_label == ("男" if int(first17[16]) % 2 else "女")


@given(FIRST17, st.integers(0, 17), st.integers(1, 9))
def test_no_single_wrong_digit_passes(first17, place, shift):
    right = first17 + check_digit(first17)
    alphabet = "0123456789X" if place == 17 else "0123456789"
    wrong = alphabet[(alphabet.index(right[place]) + shift) % len(alphabet)]
    assert not check_digits_ok(right[:place] + wrong + right[place + 1 :])


@given(FIRST17, st.integers(0, 16))
def test_no_swap_of_neighbours_passes(first17, place):
    right = first17 + check_digit(first17)
    swapped = right[:place] + right[place + 1] + right[place] + right[place + 2 :]
    assert swapped == right or not check_digits_ok(swapped)


@pytest.mark.parametrize(
    "text", ["", "1", "9" * 17, "9" * 19, "１" * 18, "甲" * 18, "9" * 17 + "x", "١" * 18]
)
def test_the_bulk_check_takes_any_text(text):
    assert check_digits_ok(text) is False


@pytest.mark.parametrize(
    "spoil",
    [
        str.lower,
        lambda n: n.replace("X", "Ｘ"),
        lambda n: n.replace("X", "ｘ"),
        lambda n: n.replace("X", "Х"),
        lambda n: n.replace("X", "х"),
        lambda n: f" {n} ",
        lambda n: f"{n[:6]} {n[6:14]} {n[14:]}",
        lambda n: f"{n[:6]}\u00a0{n[6:]}",
        lambda n: f"{n[:6]}\u3000{n[6:]}",
        lambda n: f"{n[:6]}\u200b{n[6:]}",
        lambda n: f"\ufeff{n}",
        lambda n: f"'{n}",
        lambda n: f"‘{n}’",
        lambda n: f'"{n}"',
        lambda n: f"\t{n}\r\n",
        lambda n: "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in n),
    ],
)
def test_layout_and_lookalikes_are_put_right(spoil):
    clean = number_ending_in_x()
    assert normalise_id_number(spoil(clean)) == clean
    assert parse_id_number(spoil(clean), today=TODAY).number == clean


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (1.1010119900101123e17, "被Excel存成了数字，后几位已丢失"),
        (110101199001011232, "被Excel存成了数字"),
        ("1.10101E+17", "被Excel存成了数字"),
        ("110101199001011232.0", "被Excel存成了数字"),
        ("", "为空，请填写。"),
        (" ", "为空"),
        (number()[:17], "应为18位（现在是17位）。"),
        (number() + "1", "应为18位（现在是19位）。"),
        ("1" * 18, "校验位不对，可能录错了一位。"),
        (number()[:17] + ("1" if number()[17] != "1" else "2"), "校验位不对"),
        ("990101900101123", "是15位旧号码，请填18位新号码。"),
        (number("19990230"), "中的出生日期(1999-02-30)不存在。"),
        (number("19991301"), "中的出生日期(1999-13-01)不存在。"),
        (number("00000101"), "不存在"),
        (number("20990101"), "中的出生日期(2099-01-01)晚于今天。"),
        (number("17000101"), "太早"),
        (number().replace("0", "O", 1), "含字母O，应为数字0。"),
        (number().replace("1", "l", 1), "含字母I或l，应为数字1。"),
        ("990101********1234", "打了星号"),
        ("E12345678", "像是护照"),
        ("张伟", "像是姓名，是否填错列？"),
        (number()[:9] + "X" + number()[10:], "X只能在最后一位"),
        (number()[:9] + "-" + number()[10:], "数字以外的字符"),
        ("٣" * 18, "数字以外的字符"),
        ("0" + number()[1:], "不会以0开头"),
    ],
)
def test_a_wrong_number_is_refused_with_its_exact_cause(text, cause):
    with pytest.raises(BadInput, match=re.escape(cause)) as refused:
        parse_id_number(text, today=TODAY)
    assert str(refused.value).startswith("身份证号")
    assert refused.value.field == "id_number"
    assert not re.search(r"\d{11}", str(refused.value))


@given(st.text(max_size=30))
def test_any_text_is_either_a_number_or_a_sentence(text):
    try:
        assert check_digits_ok(parse_id_number(text, today=TODAY).number)
    except BadInput as refused:
        sentence = str(refused)
    else:
        return
    assert sentence.startswith("身份证号")
    assert sentence.endswith(("。", "？"))


def test_who_is_born_on_the_business_day_is_read_and_who_is_born_after_it_is_not():
    born = number("20200229")
    with pytest.raises(BadInput, match="晚于今天"):
        parse_id_number(born, today=date(2020, 2, 28))
    assert parse_id_number(born, today=date(2020, 2, 29)).birth_date == date(2020, 2, 29)


def test_age_counts_full_years():
    born = parse_id_number(number("20000229"), today=TODAY)
    assert [born.age_on(date(2026, 2, 28)), born.age_on(date(2026, 3, 1)), born.age_on(date(2000, 3, 1))] == [
        25,
        26,
        0,
    ]


def test_a_number_does_not_show_in_repr():
    assert number() not in repr(parse_id_number(number(), today=TODAY))


def test_kind_and_grade_are_read_from_a_certificate_of_disability():
    plain = disability_certificate(number() + "43", today=TODAY)
    again = disability_certificate(f" {number()}11b1", today=TODAY)
    assert (plain.label, plain.reissue, plain.id_number.number) == ("肢体三级", 0, number())
    assert (again.label, again.reissue) == ("视力一级", 1)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (number(), "应为20位"),
        (number() + "83", "第19位是残疾类别"),
        (number() + "45", "第20位是残疾等级"),
        ("1" * 18 + "43", "前18位不对：身份证号校验位不对"),
        ("", "应为20位"),
    ],
)
def test_a_wrong_certificate_is_refused_with_its_cause(text, cause):
    with pytest.raises(BadInput, match=cause):
        disability_certificate(text, today=TODAY)


def slow_luhn(digits):
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


@given(st.text("0123456789", min_size=1, max_size=25))
def test_luhn_agrees_with_its_definition(digits):
    assert luhn_ok(digits) == slow_luhn(digits)


def test_only_cards_are_suspected():
    assert luhn_ok("4539148803436467")  # a widely published example
    assert not card_suspect("4539148803436460")
    assert not card_suspect("1201000123456789")
    assert is_card("6217" + "0" * 15)
    assert not is_card("62" + "0" * 13)
    assert [luhn_ok(text) for text in ("", "62a", "６２")] == [False, False, False]


def test_exactly_one_last_digit_makes_a_card_right():
    assert sum(not card_suspect(f"621700000000000000{d}") for d in range(10)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "6217 0000 0000 0000 000",
        "6217-0000-0000-0000-000",
        "'6217000000000000000",
        "６２１７０００００００００００００００",
    ],
)
def test_accounts_lose_their_layout(text):
    assert normalise_account(text) == "6217000000000000000"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (6.217e18, "被Excel存成了数字，后几位已丢失"),
        ("6.217E+18", "被Excel存成了数字"),
        ("", "为空"),
        ("6217****0000", "打了星号"),
        ("6217O00000000000", "数字以外的字符"),
        ("12345678", "应为9至30位数字（现在是8位）"),
        ("1" * 31, "现在是31位"),
        ("农商行", "数字以外的字符"),
    ],
)
def test_a_wrong_account_is_refused_with_its_cause(text, cause):
    with pytest.raises(BadInput, match=re.escape(cause)):
        normalise_account(text)


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("13800000000", "13800000000"),
        ("+86 138-0000-0000", "13800000000"),
        ("008613800000000", "13800000000"),
        ("１３８００００００００", "13800000000"),
        ("0564-7061234", "0564-7061234"),
        ("(0564)7061234", "0564-7061234"),
        ("01062345678", "010-62345678"),
        ("021 62345678", "021-62345678"),
    ],
)
def test_telephones_are_read(text, phone):
    assert normalise_phone(text) == phone


@pytest.mark.parametrize(
    "text", ["", "12800000000", "1380000000", "7061234", "138****0000", "甲", "0564-706"]
)
def test_what_nobody_could_ring_is_refused(text):
    with pytest.raises(BadInput, match="11位手机号"):
        normalise_phone(text)


def test_masks_of_the_house():
    assert mask_id_staff("990101199001010024") == "990101********0024"
    assert mask_id_public("990101199001010024") == "99*************024"
    assert mask_id("1234", 2, 2) == "****"
    assert mask_id("123456", 2, 0) == "12****"
    assert mask_phone("13812346617") == "138****6617"
    assert mask_phone("0564-7061234") == "****1234"
    assert account_tail("6217000000000001234") == "1234"


@pytest.mark.parametrize(
    ("name", "surname", "middle"),
    [
        ("王秀英", "王**", "王*英"),
        ("王英", "王**", "王*"),
        ("王", "王**", "*"),
        ("欧阳娜娜", "欧阳**", "欧**娜"),
        ("欧阳娜", "欧阳**", "欧*娜"),
        ("欧阳", "欧**", "欧*"),
        ("尉迟恭", "尉迟**", "尉*恭"),
        ("阿依古丽·买买提", "阿**", "阿***提"),
        ("𠮷田一", "𠮷**", "𠮷*一"),
    ],
)
def test_masked_names(name, surname, middle):
    assert mask_name_surname(name) == surname
    assert mask_name_middle(name) == middle


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("张伟", "张伟"),
        ("张　伟", "张伟"),
        ("张 伟 ", "张伟"),
        ("张伟\n", "张伟"),
        ("\ufeff张\u200b伟", "张伟"),
        ("⽅伟", "方伟"),
        ("⻢伟", "马伟"),
        ("\uf90a伟", "金伟"),
        ("葛\U000e0100伟", "葛伟"),
        ("阿依古丽•买买提", "阿依古丽·买买提"),
        *[(f"阿依古丽{dot}买买提", "阿依古丽·买买提") for dot in "・.．‧∙⋅･ㆍ·"],
        ("阿依古丽 · 买买提", "阿依古丽·买买提"),
        ("㛃", "㛃"),
        ("李𬭎", "李𬭎"),
        ("𠮷野", "𠮷野"),
        ("䶮", "䶮"),
        ("龴一", "龴一"),
        ("﨑一", "﨑一"),
        ("〇一", "〇一"),
        ("李yan", "李yan"),
        ("John  Smith", "John Smith"),
        ("古丽" * 8 + "提", "古丽" * 8 + "提"),
        ("濮阳建国", "濮阳建国"),
    ],
)
def test_names_take_one_form_and_rare_characters_stay(text, name):
    assert normalise_name(text) == name


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "为空"),
        (" \u3000", "为空"),
        ("·", "为空"),
        ("张\ue863", "含自造字"),
        ("张\ue000", "含自造字"),
        ("张\U000f0001", "含自造字"),
        ("王?", "无法识别的字"),
        ("王？", "无法识别的字"),
        ("王□", "无法识别的字"),
        ("王〓", "无法识别的字"),
        ("王�", "无法识别的字"),
        ("王⺮", "无法识别的字"),
        ("王*英", "打了星号"),
        ("99010119900101123X", "像身份证号，是否填错列？"),
        ("张伟1", "不允许的字符"),
        ("<script>alert(1)</script>", "不允许的字符"),
        ("张'; DROP TABLE x;--", "不允许的字符"),
        ("{{ 7*7 }}", "打了星号"),
        ("{{name}}", "不允许的字符"),
        ("=cmd|'/c calc'!A1", "不允许的字符"),
        ("@SUM", "不允许的字符"),
        ("+张伟", "不允许的字符"),
        ("张\x00伟", "不允许的字符"),
        ("张\u202e伟", "不允许的字符"),
        ("张😀", "不允许的字符"),
        ("张伟（已故）", "不允许的字符"),
        ("张伟、李四", "不允许的字符"),
        ("张" * 51, "太长"),
        ("锟斤拷", "像乱码"),
        ("张伟".encode().decode("gbk"), "像乱码"),
        ("张伟".encode().decode("latin-1"), "像乱码"),
        ("李四".encode("gbk").decode("latin-1"), "像乱码"),
    ],
)
def test_what_is_not_a_name_is_refused_with_its_cause(text, cause):
    with pytest.raises(BadInput, match=re.escape(cause)) as refused:
        normalise_name(text)
    assert str(refused.value).startswith("姓名")
    assert refused.value.field == "name"


@given(
    st.text(
        "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高建国秀英伟芳娜敏静丽强磊军洋勇艳杰涛明超霞平刚桂兰玉梅淑珍濮妤娅",
        min_size=2,
        max_size=4,
    )
)
def test_common_names_come_back_unchanged(name):
    assert normalise_name(name) == name


@given(st.text(max_size=20))
def test_a_normalised_name_stays_as_it_is(text):
    try:
        name = normalise_name(text)
    except BadInput:
        return
    assert normalise_name(name) == name


def test_every_compound_surname_has_two_characters():
    assert all(len(surname) == 2 for surname in identity.COMPOUND_SURNAMES)
    assert "欧阳" in identity.COMPOUND_SURNAMES
