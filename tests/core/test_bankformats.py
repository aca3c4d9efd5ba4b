"""Bank files: what is sent comes back whole, and a return that is not whole is refused with its reason."""

import codecs
import io
from decimal import Decimal

import openpyxl
import pytest

from huimin.core.bankformats import reasons, returns, text, workbook
from huimin.core.bankformats.encodings import encodable, encode_text
from huimin.core.bankformats.layout import PENDING, PayrollHeader, PayrollLine, ReturnHeader, ReturnLine
from huimin.core.bankformats.registry import all_formats, formats_of_return, get_format
from huimin.core.bankformats.simulator import ANSWERS, simulate_return
from huimin.core.errors import BadInput, FileRefused

# rare characters outside GBK, characters whose second GBK byte is a bar, moved code points, middle dots
NAMES = [
    "李䶮", "王㛃", "陈𬭎", "赵𠮷", "买买提·艾力", "韡弢珅", "瑋東億縷遼", "龴龵龶", "欧阳娜娜", "张伟",
    "阿卜杜热合曼·买买提依明", "刘喆", "周翀", "吴犇", "郑𬘭", "冯䥽", "褚𬮱", "卫㳒", "蒋𫖯", "沈镕",
]  # fmt: skip
TXT, XLSX = get_format("pipe_txt"), get_format("xlsx")


def payroll_lines(count=20):
    return [
        PayrollLine(f"{n:06d}", NAMES[(n - 1) % 20], f"62179900000000{n:05d}", Decimal(n) + Decimal("0.41"), "99010119800101001X", "耕地地力", f"PF2026-{n:06d}")
        for n in range(1, count + 1)
    ]  # fmt: skip


def payroll(count=20, bank=TXT) -> bytes:
    lines, out = payroll_lines(count), io.BytesIO()
    total = sum((line.amount for line in lines), Decimal(0))
    bank.write_payroll(PayrollHeader("341524", "PF2026", count, total, "20260619"), lines, out)
    return out.getvalue()


def answer(count=20, bank=TXT, results=None, **changes) -> bytes:
    """A whole return: line n has result results[n], else success."""
    lines = []
    for n, line in enumerate(payroll_lines(count), 1):
        result = (results or {}).get(n, "0")
        failed = result == "1"
        lines.append(
            ReturnLine(line.serial, line.name, line.account, line.amount, result, "0103" if failed else "", "账户已销户" if failed else "", line.reference)
        )  # fmt: skip
    sums = [
        (sum(x.result == r for x in lines), sum((x.amount for x in lines if x.result == r), Decimal(0)))
        for r in "01"
    ]
    header = ReturnHeader(
        "PF2026", count, sum((x.amount for x in lines), Decimal(0)), *sums[0], *sums[1], "20260622"
    )
    out = io.BytesIO()
    bank.write_return(header, lines, out)
    return out.getvalue()


def refusal(data: bytes, bank=TXT) -> str:
    with pytest.raises(FileRefused) as caught:
        bank.read_return(data)
    return "\n".join(str(error) for error in caught.value.errors)


def edited(change) -> bytes:
    return change(answer().decode("gb18030")).encode("gb18030")


def line_edited(number, change) -> bytes:
    lines = answer().split(b"\r\n")
    lines[number - 1] = change(lines[number - 1])
    return b"\r\n".join(lines)


@pytest.mark.parametrize("code", ["pipe_txt", "xlsx"])
def test_twenty_rare_names_come_back_with_the_same_code_points(code):
    bank = get_format(code)
    assert [line.name for line in bank.read_payroll(payroll(bank=bank)).lines] == NAMES
    content = bank.read_return(answer(bank=bank))
    assert [line.name for line in content.lines] == NAMES
    assert content.lines[0].line_no == (2 if code == "pipe_txt" else 3)


def test_the_text_format_is_what_the_bank_expects_byte_for_byte():
    data = payroll(1).decode("gb18030")
    assert data == (
        "H|341524|PF2026|1|1.41|20260619|\r\n"
        "000001|李䶮|6217990000000000001|1.41|99010119800101001X|耕地地力|PF2026-000001|\r\n"
        "T|1|1.41|\r\n"
    )


def test_writing_gives_count_sum_and_digest_and_the_same_bytes_twice():
    lines, out = payroll_lines(3), io.BytesIO()
    totals = TXT.write_payroll(
        PayrollHeader("341524", "PF2026", 3, Decimal("7.23"), "20260619"), iter(lines), out
    )
    assert (totals.count, totals.total) == (3, Decimal("7.23"))
    assert len(totals.sha256) == 64
    assert payroll(3) == out.getvalue()


def test_lines_that_do_not_add_up_to_the_header_are_an_error():
    with pytest.raises(ValueError, match="header says 2 lines"):
        TXT.write_payroll(
            PayrollHeader("341524", "PF", 2, Decimal("1.41"), "20260619"), payroll_lines(1), io.BytesIO()
        )


@pytest.mark.parametrize("remark", ["a|b", "a\nb", "a\u2028b"])
def test_a_cell_that_would_break_the_line_is_refused(remark):
    line = payroll_lines(1)[0]._replace(remark=remark)
    with pytest.raises(BadInput, match="第000001笔的第6项含有分隔符或换行"):
        TXT.write_payroll(PayrollHeader("341524", "PF", 1, line.amount, "20260619"), [line], io.BytesIO())


def test_characters_a_bank_lacks_are_listed():
    assert encodable("李䶮𬭎伟䶮", "gbk") == "䶮𬭎"
    assert [encodable(name, "gb18030") for name in NAMES] == [""] * 20
    assert encodable("王\ue863", "gb18030") == "\ue863"
    with pytest.raises(BadInput, match="没有这些字：䶮、㛃"):
        encode_text("李䶮㛃", "gbk")


def test_characters_that_moved_in_2022_are_sent_as_the_standard_says_and_understood_either_way():
    assert encode_text("龴", "gb18030") == b"\xfe\x59"
    data = answer(8).replace("龴".encode("gb18030"), b"\xfe\x59")
    assert TXT.read_return(data).lines[7].name == "龴龵龶"
    assert TXT.read_return(answer(8).replace(b"\xfe\x59", "龴".encode("gb18030"))).lines[7].name == "龴龵龶"


def test_a_return_with_failures_and_pending_lines_is_read():
    content = TXT.read_return(answer(results={3: "1", 5: "2"}))
    assert (content.header.ok_count, content.header.fail_count, content.trailer.count) == (18, 1, 20)
    assert content.lines[2].reason_code == "0103"
    assert [line.serial for line in content.lines if line.result == PENDING] == ["000005"]


def test_line_ends_and_a_missing_last_line_end_do_not_matter():
    whole = TXT.read_return(answer())
    assert TXT.read_return(answer().replace(b"\r\n", b"\n")) == whole
    assert TXT.read_return(answer().rstrip(b"\r\n")) == whole


BIG5 = "R|PF2026|2|3.00|2|3.00|0|0.00|20260622|\r\n1|張國華|1|1.00|0||成功|a|\r\n2|劉麗霞|2|2.00|0||成功|b|\r\nE|2|3.00|\r\n"
REFUSALS = {
    "utf-8": (lambda: answer().decode("gb18030").encode(), "文件编码不是GB18030"),
    "utf-8 with mark": (lambda: codecs.BOM_UTF8 + answer().decode("gb18030").encode(), "文件编码不是GB18030"),
    "utf-16": (lambda: answer().decode("gb18030").encode("utf-16"), "文件编码不是GB18030"),
    "big5": (lambda: BIG5.encode("big5"), "文件编码不是GB18030"),
    "truncated at a line end": (lambda: b"\r\n".join(answer().split(b"\r\n")[:12]) + b"\r\n", "文件不完整：声明20笔，实际11笔，且缺少结尾行。"),
    "truncated in a line": (lambda: answer()[:700], "文件不完整"),
    "truncated in the trailer": (lambda: answer()[:-9], "结尾行只有一半"),
    "one line short": (lambda: b"\r\n".join(answer().split(b"\r\n")[:5] + answer().split(b"\r\n")[6:]), "控制合计不符：声明20笔，实际19笔。"),
    "joined": (lambda: answer() + answer(), "文件里有两份回盘（第23行又出现首行），请分开上传。"),
    "lines after the trailer": (lambda: answer() + answer().split(b"\r\n")[1] + b"\r\n", "第23行在结尾行之后"),
    "our own payroll": (payroll, returns.OUR_OWN),
    "web page": (lambda: b"<!DOCTYPE html><html><body>502 Bad Gateway", "这是网页"),
    "workbook": (lambda: answer(bank=XLSX), "这是Excel文件"),
    "empty": (lambda: b"", "文件是空的"),
    "something else": (lambda: b"hello\r\n", "没有找到回盘首行"),
    "nul": (lambda: line_edited(4, lambda line: line.replace(b"PF", b"P\x00")), "第4行有损坏的汉字"),
    "line separator": (lambda: edited(lambda text: text.replace("陈𬭎", "陈\u2028")), "第4行有损坏的汉字"),
    "half a character": (lambda: line_edited(2, lambda line: line.replace("李".encode("gb18030"), b"\xc0")), "第2行"),
    "count of successes": (lambda: edited(lambda text: text.replace("|20|218.20|0|", "|19|218.20|0|")), "声明成功19笔"),
    "sum": (lambda: edited(lambda text: text.replace("218.20", "218.21")), "控制合计不符：声明218.21元，实际218.20元。"),
    "trailer sum": (lambda: edited(lambda text: text.replace("E|20|218.20", "E|20|999.99")), "声明999.99元"),
    "mangled reference": (lambda: edited(lambda text: text.replace("PF2026-000003", "2.02611E+17")), "第4行明细编号已损坏"),
    "duplicate": (lambda: edited(lambda text: text.replace("\r\n000002|", "\r\n000001|")), "第2行与第3行是同一笔，请联系银行。"),
    "unknown result": (lambda: edited(lambda text: text.replace("|4.41|0|", "|4.41|9ZZZ|")), "第5行结果码9ZZZ不认识，请银行说明"),
    "failure without reason": (lambda: edited(lambda text: text.replace("|4.41|0|", "|4.41|1|")), "第5行失败但没有写原因"),
    "success with reason": (lambda: edited(lambda text: text.replace("|4.41|0||", "|4.41|0|0103|")), "第5行结果是成功，却带有失败原因"),
    "unknown reason": (lambda: edited(lambda text: text.replace("|4.41|0||", "|4.41|1|7777|")), "第5行原因码7777不认识"),
    "amount in words": (lambda: edited(lambda text: text.replace("|4.41|", "|4.4元|")), "第5行金额“4.4元”不是两位小数的数字"),
    "amount in full-width digits": (lambda: edited(lambda text: text.replace("|4.41|", "|４.41|")), "第5行金额“４.41”不是两位小数的数字"),
    "amount in another script": (lambda: edited(lambda text: text.replace("|4.41|", "|٤.٤١|")), "第5行金额“٤.٤١”不是两位小数的数字"),
    "amount with leading zeros": (lambda: edited(lambda text: text.replace("|4.41|", "|004.41|")), "第5行金额“004.41”不是两位小数的数字"),
    "negative amount": (lambda: edited(lambda text: text.replace("|4.41|", "|-4.41|")), "第5行金额“-4.41”"),
    "no day": (lambda: edited(lambda text: text.replace("20260622", "20261322")), "第1行日期“20261322”"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_a_return_that_is_not_whole_is_refused_with_its_reason(case):
    make, message = REFUSALS[case]
    assert message in refusal(make())


def test_the_same_payment_with_two_results_names_both_lines_and_results():
    lines = answer(results={2: "1"}).decode("gb18030").replace("\r\n000002|", "\r\n000001|")
    assert "第2行与第3行是同一笔但结果不同（成功/失败），请联系银行。" in refusal(lines.encode("gb18030"))


def test_every_fault_of_a_file_is_listed_at_once():
    faults = refusal(
        edited(lambda text: text.replace("|4.41|0|", "|4.41|8|").replace("|6.41|0|", "|6.41|9|"))
    )
    assert faults.count("不认识") == 2


@pytest.mark.parametrize("letter", ["\x0b", "\x7f", "\x85", "\u2028", "\ufffd", "\ufffe", "\uffff"])
def test_a_control_or_replacement_character_in_a_line_is_refused(letter):
    assert "第5行有损坏的汉字" in refusal(edited(lambda text: text.replace("|4.41|0|", f"|4.41|0|{letter}")))


def test_a_wide_space_in_a_name_is_no_fault_though_it_is_unprintable():
    content = TXT.read_return(edited(lambda text: text.replace("欧阳娜娜", "欧阳\u3000娜")))
    assert "欧阳\u3000娜" in {line.name for line in content.lines}


def test_the_same_serial_under_two_references_names_both_lines():
    faults = refusal(edited(lambda text: text.replace("000003|", "000002|", 1)))
    assert "第3行与第4行是同一笔" in faults


def test_the_bytes_and_not_the_name_say_which_format_a_return_is_in():
    assert formats_of_return(answer()) == [TXT]
    assert formats_of_return(answer(bank=XLSX)) == [XLSX]
    for other in (payroll(), b"hello", b"", b"<html>", codecs.BOM_UTF8 + answer()):
        assert formats_of_return(other) == list(all_formats().values())


def test_a_workbook_whose_numbers_excel_has_touched_is_refused():
    book = openpyxl.load_workbook(io.BytesIO(answer(bank=XLSX)))
    book.active["C3"] = 6217990000000000001
    out = io.BytesIO()
    book.save(out)
    assert "第3行明细编号已损坏" in refusal(out.getvalue(), XLSX)


def test_the_formats_of_the_folder_are_found():
    assert {"pipe_txt", "xlsx"} <= set(all_formats())
    with pytest.raises(BadInput, match="没有代发文件格式"):
        get_format("dbf")


@pytest.mark.parametrize(
    ("code", "words", "expected"),
    [
        ("0103", "", "closed"),
        ("", "账户状态异常：已销户", "closed"),
        ("9999", "户名不符", "name_mismatch"),
        ("0199", "久悬户不得入账", "dormant"),
        ("AC06", "", "frozen"),
        ("", "Ⅱ类户入账超限额", "limited"),
        ("", "系统忙", "other"),
    ],
)
def test_what_banks_say_becomes_one_list_of_reasons(code, words, expected):
    assert reasons.normalise(code, words, codes=TXT.reason_codes).code == expected


def test_every_reason_tells_the_villager_what_to_do_in_three_steps_at_most():
    assert {"account_missing", "name_mismatch", "closed", "frozen", "lost", "dormant", "limited", "id_expired", "replaced", "other"} == set(reasons.REASONS)  # fmt: skip
    for reason in reasons.REASONS.values():
        assert 1 <= len(reason.steps) <= 3
        assert reason.villager_words
    for code, words in ((code, words) for code, (_, words) in ANSWERS.items()):
        assert reasons.normalise("", words, codes={}).code == code


@pytest.mark.parametrize("code", ["pipe_txt", "xlsx"])
def test_the_bank_stand_in_answers_the_same_for_the_same_seed(code):
    bank = get_format(code)
    sent = payroll(300, bank)
    rates = {"bank": bank, "fail_rate": Decimal("0.1"), "pending_rate": Decimal("0.05"), "date": "20260625"}
    content = bank.read_return(simulate_return(sent, seed=7, **rates))
    assert content == bank.read_return(simulate_return(sent, seed=7, **rates))
    assert content != bank.read_return(simulate_return(sent, seed=8, **rates))
    assert content.header.count == 300
    assert 10 < content.header.fail_count < 60
    assert any(line.result == PENDING for line in content.lines)
    assert content.header.date == "20260625"


def test_the_bank_stand_in_refuses_a_payroll_that_was_changed():
    with pytest.raises(FileRefused, match="控制合计不符"):
        simulate_return(payroll().replace(b"|2.41|", b"|3.41|"), seed=1, bank=TXT)
    with pytest.raises(FileRefused, match="缺少结尾行"):
        simulate_return(payroll()[:-15], seed=1, bank=TXT)


# --- what a file that is none may cost --------------------------------------------------------------------------------


@pytest.fixture
def decoded(monkeypatch):
    """How much of a file was decoded as a whole."""
    seen = []
    plain = text.decode_text
    monkeypatch.setattr(
        text, "decode_text", lambda data, encoding: (seen.append(len(data)), plain(data, encoding))[1]
    )
    return seen


HEADER = b"R|PF2026|2|3.00|2|3.00|0|0.00|20260622|\r\n"


@pytest.mark.parametrize(
    "data", [b"\n" * 5_000_000, b"a|b|c\n" * 1_000_000, b"|" * 5_000_000, b"H|" + b"x" * 5_000_000]
)
def test_a_file_with_another_first_line_is_not_taken_apart(data, decoded):
    assert refusal(data) in {returns.NO_RETURN, returns.OUR_OWN}
    with pytest.raises(FileRefused, match="没有首行"):
        TXT.read_payroll(data.replace(b"H|", b"h|"))
    assert not decoded


def test_a_file_with_more_lines_than_a_bank_takes_is_not_taken_apart(decoded):
    assert "超过200,000行" in refusal(HEADER + b"a|b\n" * 300_000)
    assert not decoded


def test_a_line_of_separators_is_cut_off():
    assert "应有8列，实际65列" in refusal(HEADER + b"|" * 5_000_000 + b"\r\nE|2|3.00|\r\n")


def test_a_workbook_with_another_first_line_is_not_read_to_its_end(monkeypatch):
    read = []
    plain = workbook.read_matrix
    monkeypatch.setattr(
        workbook, "read_matrix", lambda *given: (read.append(row[0]) or row for row in plain(*given))
    )
    with pytest.raises(FileRefused, match="我方导出"):
        XLSX.read_return(payroll(bank=XLSX))
    assert read == [1]


@pytest.mark.parametrize("rows", [[["E", "1"]], [["乱写"]], [["S", "1", "2"], ["D"], ["E"]]])
def test_a_workbook_of_too_few_columns_is_refused_in_words(rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    assert refusal(out.getvalue(), XLSX)
