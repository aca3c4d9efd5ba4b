"""ID numbers, names, accounts and telephones of people: reading, checking and masking them.

Every reader takes a cell as it came and returns the one form that is stored, or raises BadInput with the sentence for the
clerk (without its row, and never repeating a private number). No table of regions is kept: published tables lack old and new
codes and would refuse numbers that the police have issued.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from unicodedata import normalize

from huimin.core.errors import BadInput

# --- ID numbers (GB 11643) ---------------------------------------------------------------------------------------------

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
# over the bytes of the digits instead of their values the sum is 48 * 100 larger, which is 4 modulo 11
_BYTE_CHECK = tuple(_CHECK[(i - 4) % 11] for i in range(11))

_INVISIBLE = (
    " \t\r\n\v\f\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
    + ("".join(map(chr, range(0x2000, 0x200B))))
)
_STRIP = dict.fromkeys(map(ord, _INVISIBLE))
_STRIP_NUMBER: dict[int, int | str | None] = {
    **_STRIP,
    **dict.fromkeys(map(ord, "'\"`‘’“”＇＂′")),
    **str.maketrans("０１２３４５６７８９", "0123456789"),
    **dict.fromkeys(map(ord, "xｘＸхХχΧ×"), "X"),
}

_EARLIEST_BIRTH = date(1850, 1, 1)
_LOST_DIGITS = "被Excel存成了数字，后几位已丢失。请把该列设为“文本”后重新录入，不能只改格式。"
_WELL_SHAPED = re.compile(r"[1-9]\d{16}[\dX]", re.ASCII)
_FLOAT_TEXT = re.compile(r"[\d.]+E\+?\d+|\d{10,}\.0*", re.IGNORECASE)

SEX_LABELS = {"1": "男", "2": "女"}  # GB/T 2261.1


@dataclass(frozen=True, slots=True)
class IdNumber:
    """A checked 18-digit number and what it says; the number stays out of repr(), so out of logs and tracebacks."""

    number: str = field(repr=False)
    birth_date: date
    sex: str

    @property
    def sex_label(self) -> str:
        return SEX_LABELS[self.sex]

    def age_on(self, day: date) -> int:
        """age_on() of who carries the number."""
        return age_on(self.birth_date, day)


def age_on(born: date, day: date) -> int:
    """Full years (周岁) on that day; who is born on 29 February has the birthday on 1 March of common years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def normalise_id_number(text: str) -> str:
    """Without spaces, invisible characters and quotes; full-width digits made plain; every kind of x made X."""
    return text.translate(_STRIP_NUMBER)


def check_digit(first17: str) -> str:
    """The 18th character for seventeen ASCII digits."""
    return _BYTE_CHECK[sum(map(operator.mul, first17.encode("ascii"), _WEIGHTS)) % 11]


def check_digits_ok(number: str) -> bool:
    """Whether a normalised number has 18 places and the right check digit; the fast path for bulk, dates are not looked at."""
    if len(number) != 18 or not number.isascii():
        return False
    head = number[:17]
    return head.isdigit() and _BYTE_CHECK[sum(map(operator.mul, head.encode(), _WEIGHTS)) % 11] == number[17]


def parse_id_number(text: str | float, *, today: date) -> IdNumber:
    """The number with birth date and sex, or BadInput with the exact cause; `today` is the business date."""
    if not isinstance(text, str):
        raise BadInput(f"身份证号{_LOST_DIGITS}", field="id_number")
    number = str(text) if _WELL_SHAPED.fullmatch(text) else normalise_id_number(text)
    cause = _shape_fault(number) or _date_fault(number, today)
    if not cause and not check_digits_ok(number):
        cause = "校验位不对，可能录错了一位。"
    if cause:
        raise BadInput(f"身份证号{cause}", field="id_number")
    return IdNumber(number, _birth_date(number), "1" if number[16] in "13579" else "2")


_Fault = tuple[Callable[[str], object], str]
_SHAPE_FAULTS: tuple[_Fault, ...] = (
    (operator.not_, "为空，请填写。"),
    (_FLOAT_TEXT.fullmatch, _LOST_DIGITS),
    (re.compile(r"[*＊]").search, "打了星号，请填完整的18位号码。"),
    (re.compile(r"[㐀-鿿]").search, "像是姓名，是否填错列？"),
    (re.compile(r"(?=.*[Oo])[\dXOo]{15,19}").fullmatch, "含字母O，应为数字0。"),
    (re.compile(r"(?=.*[Il])[\dXIl]{15,19}").fullmatch, "含字母I或l，应为数字1。"),
    (re.compile(r"\d+X\d+").fullmatch, "中间有X，X只能在最后一位。"),
    (re.compile(r"[A-WYZa-z]").search, "含有字母，像是护照或其他证件号，请填18位居民身份证号。"),
    (re.compile(r"(?!\d+X?$)", re.ASCII).match, "含有数字以外的字符，请按身份证重新录入。"),
    (re.compile(r"\d{15}").fullmatch, "是15位旧号码，请填18位新号码。"),
    (re.compile(r"0.{17}").fullmatch, "不会以0开头，请按身份证重新录入。"),
)


def _shape_fault(number: str) -> str:
    if len(number) == 18 and _WELL_SHAPED.fullmatch(number):
        return ""
    for applies, cause in _SHAPE_FAULTS:
        if applies(number):
            return cause
    return f"应为18位（现在是{len(number)}位）。"


def _birth_date(number: str) -> date:
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def _date_fault(number: str, today: date) -> str:
    cause = ""
    try:
        born = _birth_date(number)
    except ValueError:
        cause = "不存在。"
    else:
        if born > today:
            cause = "晚于今天。"
        elif born < _EARLIEST_BIRTH and check_digits_ok(number):
            cause = "太早，请按身份证重新录入。"
    return f"中的出生日期({number[6:10]}-{number[10:12]}-{number[12:14]}){cause}" if cause else ""


# --- Certificate of disability ----------------------------------------------------------------------------------------

DISABILITY_KINDS = {"1": "视力", "2": "听力", "3": "言语", "4": "肢体", "5": "智力", "6": "精神", "7": "多重"}
DISABILITY_GRADES = {"1": "一级", "2": "二级", "3": "三级", "4": "四级"}


@dataclass(frozen=True, slots=True)
class DisabilityCertificate:
    """残疾人证: ID number + kind + grade, and B with a figure for each re-issue."""

    number: str = field(repr=False)
    id_number: IdNumber
    kind: str
    grade: str
    reissue: int

    @property
    def label(self) -> str:
        return f"{DISABILITY_KINDS[self.kind]}{DISABILITY_GRADES[self.grade]}"


def disability_certificate(text: str, *, today: date) -> DisabilityCertificate:
    """Kind and grade from the 20-digit number (重度 is grade 一 or 二); BadInput with the cause."""
    number = normalise_id_number(text).upper()
    match = re.fullmatch(r"(.{18})(\d)(\d)(?:B(\d))?", number, re.ASCII)
    if not match:
        raise BadInput(
            f"残疾人证号应为20位，补发的末尾加B1（现在是{len(number)}位）。", field="disability_certificate"
        )
    id_text, kind, grade, reissue = match.groups()
    try:
        id_number = parse_id_number(id_text, today=today)
    except BadInput as bad:
        raise BadInput(f"残疾人证号前18位不对：{bad}", field="disability_certificate") from None
    if kind not in DISABILITY_KINDS:
        raise BadInput(
            f"残疾人证号第19位是残疾类别，应为1至7（现在是{kind}）。", field="disability_certificate"
        )
    if grade not in DISABILITY_GRADES:
        raise BadInput(
            f"残疾人证号第20位是残疾等级，应为1至4（现在是{grade}）。", field="disability_certificate"
        )
    return DisabilityCertificate(number, id_number, kind, grade, int(reissue or 0))


# --- Accounts and telephones ------------------------------------------------------------------------------------------

# each byte "0".."9" to the byte of its Luhn double
_DOUBLE = bytes.maketrans(b"0123456789", b"0246813579")
_PLAIN_ACCOUNT = re.compile(r"\d{9,30}", re.ASCII)
_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_LANDLINE = re.compile(r"(010|02\d|0[3-9]\d{2})(\d{7,8})", re.ASCII)


def luhn_ok(number: str) -> bool:
    """Whether the last digit is the Luhn check digit. Only cards have one (see is_card); passbook numbers do not."""
    if not (number.isascii() and number.isdigit()):
        return False
    digits = number.encode()
    return (sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLE)) - 48 * len(digits)) % 10 == 0


def is_card(account: str) -> bool:
    """A bank or social security card of the domestic range: 62…, 16 to 19 digits."""
    return account.startswith("62") and 16 <= len(account) <= 19


def card_suspect(account: str) -> bool:
    """A card whose check digit is wrong: the clerk is asked to confirm, since a few banks issue such cards."""
    return is_card(account) and not luhn_ok(account)


def normalise_account(text: str | float) -> str:
    """Digits of a bank account; BadInput when digits were lost, masked, or are too few or too many."""
    if not isinstance(text, str):
        raise BadInput(f"银行账号{_LOST_DIGITS}", field="account")
    if _PLAIN_ACCOUNT.fullmatch(text):
        return str(text)
    account = text.translate(_STRIP_NUMBER).translate({ord("-"): None, ord("－"): None})
    if cause := _account_fault(account, text):
        raise BadInput(f"银行账号{cause}", field="account")
    return account


def _account_fault(account: str, text: str) -> str:
    cause = ""
    if not account:
        cause = "为空，请填写。"
    elif _FLOAT_TEXT.fullmatch(text.translate(_STRIP_NUMBER)):
        cause = _LOST_DIGITS
    elif "*" in account or "＊" in account:
        cause = "打了星号，请填完整的账号。"
    elif not (account.isascii() and account.isdigit()):
        cause = "含有数字以外的字符，请按存折或社保卡重新录入。"
    elif not 9 <= len(account) <= 30:
        cause = f"应为9至30位数字（现在是{len(account)}位）。"
    return cause


def normalise_phone(text: str) -> str:
    """11 digits of a mobile, or a land line as 0564-7061234; +86, spaces and hyphens are understood."""
    if _MOBILE.fullmatch(text):
        return str(text)
    phone = text.translate(_STRIP_NUMBER).translate(dict.fromkeys(map(ord, "-－—()（）")))
    phone = re.sub(r"^(\+|00)86", "", phone)
    if _MOBILE.fullmatch(phone):
        return phone
    if match := _LANDLINE.fullmatch(phone):
        return f"{match[1]}-{match[2]}"
    raise BadInput("联系电话应为11位手机号，或带区号的座机号，如0564-7061234。", field="phone")


# --- Masks (docs: decisions on who sees what) --------------------------------------------------------------------------


def mask_id(number: str, head: int, tail: int) -> str:
    """The first and last places, a star for each one between; all stars if nothing would lie between."""
    hidden = len(number) - head - tail
    return number[:head] + "*" * hidden + number[len(number) - tail :] if hidden > 0 else "*" * len(number)


def mask_id_staff(number: str) -> str:
    """前6后4, the lists of staff: 342426********0024."""
    return mask_id(number, 6, 4)


def mask_id_public(number: str) -> str:
    """前2后3, a person's own public result: 34*************024."""
    return mask_id(number, 2, 3)


def mask_phone(phone: str) -> str:
    """138****6617; of other numbers the last four remain."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) == 11 and phone.isdigit() else f"****{phone[-4:]}"


def account_tail(account: str) -> str:
    """The last four digits, all that a screen ever shows of an account without a reason."""
    return account[-4:]


# --- Names ------------------------------------------------------------------------------------------------------------

COMPOUND_SURNAMES = frozenset(
    re.findall(
        "..",
        "欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台皇甫宗政濮阳公冶太叔申屠公孙慕容"
        "仲孙钟离长孙宇文司徒鲜于司空闾丘子车亓官司寇巫马公西颛孙壤驷公良漆雕乐正宰父谷梁拓跋轩辕令狐段干"
        "百里呼延东郭南门羊舌微生梁丘左丘东门西门第五纳兰完颜单于叱干哥舒爱新贺兰歐陽司馬諸葛尉遲長孫",
    )
)


def surname_of(name: str) -> str:
    """The first character, or two for a compound surname with a given name after it."""
    return name[:2] if len(name) > 2 and name[:2] in COMPOUND_SURNAMES else name[:1]


def mask_name_surname(name: str) -> str:
    """王**, 欧阳**: always two stars, so that the length says nothing (protected groups)."""
    return f"{surname_of(name)}**"


def mask_name_middle(name: str) -> str:
    """王*英, 王*, 欧**娜: a person's own public result; a long name has three stars."""
    if len(name) < 3:
        return f"{name[:1]}*" if len(name) == 2 else "*"
    return name[0] + "*" * min(len(name) - 2, 3) + name[-1]


_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af\ufa0e\ufa0f\ufa11\ufa13\ufa14\ufa1f\ufa21\ufa23\ufa24\ufa27-\ufa29"
_COMMON_NAME = re.compile(r"[\u4e00-\u9fff]{1,12}")
_NAME = re.compile(rf"[{_HAN}A-Za-z\u00fc\u00dc]+(?:[· ][{_HAN}A-Za-z\u00fc\u00dc]+)*(?:（[大小]）)?")
# what tells two of one name in a household apart in the registry, and is on no paper
_TOLD_APART = re.compile(r"[(（]([大小])[)）]$")
_VARIATION = dict.fromkeys([*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x180B, 0x180E)])
_DOTS = str.maketrans(dict.fromkeys("•・.．‧∙⋅･ㆍ·‥᛫", "·"))
_SPACES = re.compile(rf"[{_INVISIBLE}]+")
_LONGEST_NAME = 50


def _compatibility_forms() -> dict[int, str]:
    """Kangxi radicals and compatibility ideographs to the unified character; radicals of simplified forms by hand."""
    forms = {
        code: normalize("NFKC", chr(code))
        for span in ((0x2E80, 0x2FE0), (0xF900, 0xFB00), (0x2F800, 0x2FA20))
        for code in range(*span)
    }
    table = {code: form for code, form in forms.items() if form != chr(code) and len(form) == 1}
    simplified = "⺝月⺠民⻁虎⻄西⻅见⻆角⻉贝⻋车⻓长⻔门⻘青⻙韦⻚页⻛风⻜飞⻝食⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄⻪黾⻬齐⻮齿⻰龙⺼月⻈讠"
    return table | {ord(simplified[i]): simplified[i + 1] for i in range(0, len(simplified), 2)}


_COMPATIBILITY = _compatibility_forms()


def normalise_name(text: str) -> str:
    """A name as it is stored: one form for spaces, dots and compatibility characters, rare characters untouched.

    Raises BadInput for what no other computer could read (private-use characters, 王?, mojibake) and for what is not a
    name (digits, masks, markup, formulas). The caller tells the clerk when the result differs from the cell.
    """
    if _COMMON_NAME.fullmatch(text) and _in_gb2312(text):
        return text
    name = text.translate(_VARIATION).translate(_COMPATIBILITY).translate(_DOTS)
    name = _TOLD_APART.sub(r"（\1）", _close_spaces(name))
    if cause := "像乱码，请检查文件编码。" if _is_mojibake(text.strip(" \t\r\n")) else _name_fault(name):
        raise BadInput(f"姓名{cause}", field="name")
    return name


def plain_name(name: str) -> str:
    """The name as cards and papers have it: without （大）, （小）."""
    return _TOLD_APART.sub("", name)


def _close_spaces(name: str) -> str:
    """A space stays only between two Latin words (John Smith); between Chinese characters it is layout."""
    name = _SPACES.sub(" ", name).strip(" ·")
    return re.sub(r"(?<![A-Za-z\u00fc\u00dc]) +| +(?![A-Za-z\u00fc\u00dc])", "", name)


_NAME_FAULTS: tuple[_Fault, ...] = (
    (operator.not_, "为空，请填写。"),
    (re.compile(r"\d{6}").search, "像身份证号，是否填错列？"),
    (
        re.compile(r"[\ue000-\uf8ff\U000f0000-\U0010ffff]").search,
        "含自造字，其他电脑和银行无法识别。请用输入法重新录入标准字；找不到时填拼音并登记生僻字。",
    ),
    (re.compile(r"[*＊]").search, "打了星号，请填完整的姓名。"),
    (re.compile(r"[?？□■〓\ufffd\u2e80-\u2fdf]").search, "中有无法识别的字，请按身份证重新录入。"),
    (lambda name: not _NAME.fullmatch(name), "含不允许的字符。"),
    (lambda name: len(name) > _LONGEST_NAME, "太长，请核对。"),
)


def _name_fault(name: str) -> str:
    return next((cause for applies, cause in _NAME_FAULTS if applies(name)), "")


def _in_gb2312(text: str) -> bool:
    try:
        encoded = text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return b"\xef\xbf\xbd\xef\xbf\xbd" not in encoded  # 锟斤拷, two replacement characters read as GBK


def _is_mojibake(name: str) -> bool:
    """UTF-8 read as GBK or as Latin-1, or GBK read as Latin-1.

    A true name of three characters could by chance be valid UTF-8 in GBK bytes, so a name wholly within GB 2312 (all
    common names are) is believed.
    """
    if "锟斤拷" in name:
        return True
    if any(
        _reads_as_han(name, wrong, right) for wrong in ("latin-1", "cp1252") for right in ("utf-8", "gbk")
    ):
        return True
    return not _in_gb2312(name) and _reads_as_han(name, "gbk", "utf-8")


def _reads_as_han(name: str, wrong: str, right: str) -> bool:
    try:
        meant = name.encode(wrong).decode(right)
    except UnicodeError:
        return False
    return meant != name and re.fullmatch(r"[\u4e00-\u9fff]+", meant) is not None
