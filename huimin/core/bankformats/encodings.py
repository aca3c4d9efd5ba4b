"""Which characters a bank can take, and GB18030 as banks of different years write it.

Python's codec is the 2005 table: eight characters (龴 and its like) and ten upright punctuation marks stand in
the private area there and have real code points in GB18030-2022. Both directions are mapped, so that the byte
pair of the standard is sent and either table is understood.
"""

from __future__ import annotations

import codecs

from huimin.core.errors import BadInput

_PRIVATE_2005 = (0xE81E, 0xE826, 0xE82B, 0xE82C, 0xE832, 0xE843, 0xE854, 0xE864)
_REAL_2022 = range(0x9FB4, 0x9FBC)
_MARKS_2005 = range(0xE78D, 0xE797)
_MARKS_2022 = (0xFE10, 0xFE12, 0xFE11, 0xFE13, 0xFE14, 0xFE15, 0xFE16, 0xFE17, 0xFE18, 0xFE19)
TO_REAL = {
    **dict(zip(_PRIVATE_2005, _REAL_2022, strict=True)),
    **dict(zip(_MARKS_2005, _MARKS_2022, strict=True)),
}
TO_PRIVATE = {real: private for private, real in TO_REAL.items()}
GB_FAMILY = {"gb18030", "gbk", "gb2312"}


def encode_text(text: str, encoding: str) -> bytes:
    """Bytes for the bank; raises BadInput naming the characters its encoding lacks."""
    if _is_gb(encoding):
        text = _switch(text, TO_PRIVATE)
    try:
        return text.encode(encoding, "strict")
    except UnicodeEncodeError as error:
        lacking = encodable(error.object.translate(TO_REAL), encoding)
        raise BadInput(
            f"代发银行的字库里没有这些字：{'、'.join(lacking)}。请按银行要求登记替代写法后再生成文件。"
        ) from None


def decode_text(data: bytes, encoding: str) -> str:
    """Text from the bank; raises UnicodeDecodeError."""
    text = data.decode(encoding, "strict")
    return _switch(text, TO_REAL) if _is_gb(encoding) else text


def _switch(text: str, table: dict[int, int]) -> str:
    """What translate() gives, in a thirtieth of the time: eighteen rare characters, of which a file has one at most."""
    for code, other in table.items():
        if chr(code) in text:
            text = text.replace(chr(code), chr(other))
    return text


def encodable(name: str, encoding: str) -> str:
    """The characters of a name that the encoding lacks, each once, in order; "" when it can be written.

    Characters of the private area count as lacking: every machine shows another sign for them.
    """
    lacking = ""
    for letter in dict.fromkeys(name):
        sent = letter.translate(TO_PRIVATE) if _is_gb(encoding) else letter
        private = 0xE000 <= ord(letter) <= 0xF8FF or ord(letter) >= 0xF0000
        if private or not _can_write(sent, encoding):
            lacking += letter
    return lacking


def _can_write(letter: str, encoding: str) -> bool:
    try:
        letter.encode(encoding, "strict")
    except UnicodeEncodeError:
        return False
    return True


def _is_gb(encoding: str) -> bool:
    return codecs.lookup(encoding).name in GB_FAMILY


def is_other_encoding(data: bytes, encoding: str) -> bool:
    """Whether bytes that should be GB18030 are rather UTF-8, UTF-16 or Big5, which may decode without an error."""
    if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    if data.isascii() or not _is_gb(encoding):
        return False
    as_utf8 = _decoded(data, "utf-8")
    if as_utf8 is not None and any(letter >= "\u2e80" for letter in as_utf8):
        return True
    return _reads_better_as_big5(data, encoding)


def _reads_better_as_big5(data: bytes, encoding: str) -> bool:
    as_big5 = _decoded(data, "big5")
    if as_big5 is None:
        return False
    as_gb = _decoded(data, encoding)
    return as_gb is None or _share_of_common(as_gb, "gb2312") < 0.6 < _share_of_common(as_big5, "big5-common")


def _share_of_common(text: str, charset: str) -> float:
    """The share of Han characters that stand among the frequent ones of a charset."""
    letters = [letter for letter in text if letter >= "\u2e80"]
    if not letters:
        return 1.0
    if charset == "gb2312":
        common = sum(1 for letter in letters if _can_write(letter, "gb2312"))
    else:  # Big5's first level, 5,401 characters, ends at C67E
        common = sum(1 for letter in letters if b"\xa1\x40" <= letter.encode("big5") <= b"\xc6\x7e")
    return common / len(letters)


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding, "strict")
    except UnicodeDecodeError:
        return None
