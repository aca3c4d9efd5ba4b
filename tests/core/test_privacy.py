import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huimin.core.values.identity import check_digit, luhn_ok
from huimin.core.values.privacy import FindingKind, scan, scrub

FIRST17 = "99010119900101123"
NUMBER = FIRST17 + check_digit(FIRST17)
WITH_X = next(n for n in (f"9901011990010{i:04}" for i in range(1000)) if check_digit(n) == "X") + "X"
CARD = next(c for c in (f"621700000000000{i:04}" for i in range(10)) if luhn_ok(c))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"王秀英 {NUMBER} 541.20", FindingKind.ID_NUMBER),
        (f"身份证{WITH_X}号", FindingKind.ID_NUMBER),
        (WITH_X.lower(), FindingKind.ID_NUMBER),
        (f"ID{NUMBER}no", FindingKind.ID_NUMBER),
        (f"{NUMBER[:6]} {NUMBER[6:14]} {NUMBER[14:]}", FindingKind.ID_NUMBER),
        ("\u200b".join(NUMBER), FindingKind.ID_NUMBER),
        ("".join(chr(ord(c) + 0xFEE0) for c in NUMBER), FindingKind.ID_NUMBER),
        (f"残疾人证 {NUMBER}43", FindingKind.ID_NUMBER),
        (f"卡号{CARD}。", FindingKind.CARD),
        (f"{CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:16]} {CARD[16:]}", FindingKind.CARD),
        ("电话13812346617", FindingKind.PHONE),
        ("138-1234-6617", FindingKind.PHONE),
        ("+8613812346617", FindingKind.PHONE),
        ("013812346617", FindingKind.PHONE),
        ("120100012345678", FindingKind.LONG_DIGITS),
        (NUMBER[:17] + ("1" if NUMBER[17] != "1" else "2"), FindingKind.LONG_DIGITS),
        ("9" * 40, FindingKind.LONG_DIGITS),
    ],
)
def test_private_numbers_are_found_however_they_are_written(text, kind):
    (finding,) = scan(text)
    assert finding.kind == kind
    assert finding.label
    assert finding.shown.count("*") == 3
    assert len(finding.shown) == 7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "张伟 341524100201 46,372,154.60元 2026-11-21 2026-11-22 10:00:00",
        "34*************024 138****6617 尾号1234",
        "服务电话 0564-7061234、12345",
        "批次 PF2026110002 第 202611210001 号",
        hashlib.sha256(b"1").hexdigest(),
        "a" * 20 + "6217000000000000000",
    ],
)
def test_what_may_be_published_is_not_found(text):
    assert scan(text) == []


@given(st.binary(max_size=20))
def test_digests_are_no_findings(data):
    assert scan(f"校验码 {hashlib.sha256(data).hexdigest()}。") == []


def test_findings_come_in_order_with_their_places():
    text = f"甲 {NUMBER}\n乙 13812346617"
    assert [text[f.start : f.end] for f in scan(text)] == [NUMBER, "13812346617"]


def test_an_office_may_publish_its_own_mobile():
    assert scan("监督电话13812346617", allowed={"13812346617"}) == []
    assert len(scan("监督电话13812346618", allowed={"13812346617"})) == 1


@given(st.text("0123456789Xx -*０１\u200b甲", max_size=60))
def test_any_text_can_be_scanned_and_scrubbed(text):
    for finding in scan(text):
        assert 0 <= finding.start < finding.end <= len(text)
    scrub(text)


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        (f"id={NUMBER}", "id=[id]"),
        (f"{WITH_X.lower()},", "[id],"),
        (f"card {CARD}", "card [account]"),
        ("6217 0000 0000 0000 000", "[account]"),
        ("13812346617 rang", "[phone] rang"),
        ("batch 202611210001 of 341524100201", "batch 202611210001 of 341524100201"),
        ("2026-11-21 10:00:00,123 2026-11-22", "2026-11-21 10:00:00,123 2026-11-22"),
    ],
)
def test_logs_lose_private_numbers_and_nothing_else(text, scrubbed):
    assert scrub(text) == scrubbed
