"""Finding private numbers in text: publication is refused while scan() finds anything, logs pass through scrub().

Looks for ID numbers, bank cards, mobile telephones and other runs of 15 digits and more, also in full-width digits, with
invisible characters between, or in the usual groups (6228 4800 …). Digests are no findings: a hexadecimal word of at least
32 characters is passed over.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from huimin.core.values.identity import DISABILITY_KINDS, check_digits_ok, is_card, luhn_ok


class FindingKind(StrEnum):
    ID_NUMBER = "id_number"
    CARD = "card"
    PHONE = "phone"
    LONG_DIGITS = "long_digits"


LABELS = {
    FindingKind.ID_NUMBER: "身份证号",
    FindingKind.CARD: "银行卡号",
    FindingKind.PHONE: "手机号",
    FindingKind.LONG_DIGITS: "长数字，可能是账号或证件号",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One suspicious number; `shown` is masked and may be printed, start and end are places in the scanned text."""

    kind: FindingKind
    shown: str
    start: int
    end: int

    @property
    def label(self) -> str:
        return LABELS[self.kind]


_PLAIN = str.maketrans("０１２３４５６７８９ＸｘxХх", "0123456789XXXXX")
_JOINT = "[\u00ad\u200b\u200c\u200d\u2060\ufeff]*"
# each alternative starts and ends at digits; the grouped forms allow one space or hyphen where people write one
_SUSPECT = re.compile(
    rf"""(?<!\d)(?:
        \d{{6}}[ \u00a0-]\d{{8}}[ \u00a0-]?\d{{3}}[\dX]         # an ID number in groups
      | 62\d\d(?:[ \u00a0-]\d{{4}}){{2,3}}[ \u00a0-]\d{{1,4}}   # a card in groups
      | 1[3-9]\d(?:[ \u00a0-]\d{{4}}){{2}}                      # a mobile in groups
      | \d(?:{_JOINT}\d){{10,}}(?:{_JOINT}X)?                   # 11 digits and more, invisibly parted
    )(?!\d)""",
    re.VERBOSE | re.ASCII,
)
_NOT_DIGITS = re.compile(r"[^\dX]", re.ASCII)
_HEX_WORD = re.compile(r"(?<![0-9A-Za-z])(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{32,}(?![0-9A-Za-z])")
_MOBILE = re.compile(r"(?:0|(?:00)?86)?1[3-9]\d{9}", re.ASCII)
_LONG = 15


def scan(text: str, *, allowed: Collection[str] = ()) -> list[Finding]:
    """Every private-looking number in order; `allowed` are exact digits that may stand, such as an office's mobile."""
    plain = _HEX_WORD.sub(lambda word: " " * len(word[0]), text).translate(_PLAIN)
    findings = []
    for match in _SUSPECT.finditer(plain):
        digits = _NOT_DIGITS.sub("", match[0])
        kind = _kind_of(digits)
        if kind and digits not in allowed:
            findings.append(Finding(kind, f"{digits[:2]}***{digits[-2:]}", match.start(), match.end()))
    return findings


def _kind_of(digits: str) -> FindingKind | None:
    if _holds_id_number(digits):
        return FindingKind.ID_NUMBER
    if is_card(digits) and luhn_ok(digits):
        return FindingKind.CARD
    if _MOBILE.fullmatch(digits):
        return FindingKind.PHONE
    return FindingKind.LONG_DIGITS if len(digits) >= _LONG else None


def _holds_id_number(digits: str) -> bool:
    """An ID number by itself, or with kind and grade of a certificate of disability after it."""
    if len(digits) == 20 and digits[18] in DISABILITY_KINDS:
        digits = digits[:18]
    return len(digits) == 18 and digits[6:8] in {"18", "19", "20"} and check_digits_ok(digits)


# for logs: no check digits are asked for, since a mistyped number is as private as a right one
_LOG_NUMBERS = (
    (re.compile(r"\d{4}(?:[ -]\d{4}){3,4}(?:[ -]?\d{1,3})?(?!\d)"), "[account]"),
    (re.compile(r"(?<!\d)\d{17}[\dXxＸｘ](?!\d)"), "[id]"),
    (re.compile(r"(?<!\d)\d{15,}(?!\d)"), "[account]"),
    (re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)"), "[phone]"),
)


def hide(text: str) -> str:
    """The text as it may stay for ever: each finding of scan() replaced by its kind in words."""
    for finding in reversed(scan(text)):
        text = f"{text[: finding.start]}［{finding.label.partition('，')[0]}已隐去］{text[finding.end :]}"
    return text


# nine digits and more, whatever is written between them but letters and characters. One text for Python and for
# PostgreSQL: constraints hold by it what hide_digits() leaves
LONG_DIGITS = "[0-9０-９]([^0-9０-９A-Za-z一-龥]{0,3}[0-9０-９]){8,}"
_LONG_DIGITS = re.compile(LONG_DIGITS)
DIGITS_HIDDEN = "［数字已隐去］"


def hide_digits(text: str) -> str:
    """For words of a bank, where any long number is an account or an ID number, right or mistyped: none stays.

    Stricter than hide(), which lets office telephones, days and shorter numbers stand; an end of four digits stays here.
    """
    return _LONG_DIGITS.sub(DIGITS_HIDDEN, text) if text else text


def hide_within(value: Any) -> Any:
    """The same for every text in lists and mappings, as JSON columns hold them."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {key: hide_within(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [hide_within(one) for one in value]
    return value


def scrub(text: str) -> str:
    """The text with ID numbers, accounts and telephones replaced by [id], [account] and [phone]."""
    for pattern, word in _LOG_NUMBERS:
        text = pattern.sub(word, text)
    return text
