"""Registry workbooks for tests: invented households, changed cell by cell."""

import io

from huimin.core.sheets.writer import Column, write_rows
from huimin.core.values.identity import check_digit
from recipients.files.columns import TITLES
from tests.factories import VILLAGE

BANK = "402376400018-县农村商业银行营业部"


def person_id(serial, born="19700101"):
    first = f"990001{born}{serial:03d}"
    return first + check_digit(first)


def card(serial):
    return f"1000000{serial:010d}"


def member(serial, *, house=1, holder=None, name=None, relation=None, village=VILLAGE, **cells):
    """A row of 24 cells; `holder` is the serial of the household's holder, by default the person."""
    holder = serial if holder is None else holder
    number = person_id(serial)
    row = {
        "状态": "1-正常",
        "农户编码": f"H{house:05d}",
        "户主姓名": _name(holder),
        "户主身份证号": person_id(holder),
        "家庭成员姓名": name or _name(serial),
        "身份证号": number,
        "村(居)委会": village,
        "村(居)民小组": "一组",
        "性别": "1-男" if int(number[16]) % 2 else "2-女",
        "联系电话": "19912345678",
        "与户主关系": relation or ("本人" if serial == holder else "其他亲属"),
        "账户名称": _name(holder),
        "银行账号": card(holder),
        "开户银行": BANK,
        "是否低保户": "0-否",
        "是否乡村人口": "1-是",
    } | cells
    return [row.get(title, "") for title in TITLES]


def _name(serial):
    return "王" + "一二三四五六七八九十"[serial % 10] + "春夏秋冬东南西北中华"[serial // 10 % 10]


def workbook(rows, titles=TITLES, numbers=()):
    """The bytes of a registry; (row, column) in `numbers` are stored as numbers, as Excel does with long digits."""
    if not numbers:
        out = io.BytesIO()
        write_rows(out, [Column(title) for title in titles], rows)
        return out.getvalue()
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(list(titles))
    for number, row in enumerate(rows):
        book.active.append(
            [
                float(cell) if (number, title) in numbers else cell
                for title, cell in zip(titles, row, strict=True)
            ]
        )
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
