"""回盘: every damage is refused whole, repeats change nothing, what is missing stays with the bank."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from disbursement import services
from disbursement.models import Batch, PaymentLine, PaymentResult, ReturnFile, ReturnLine
from huimin.core.bankformats.xlsx import FORMAT as XLSX
from huimin.core.errors import FileRefused, StepForbidden, StepRefused
from tests.disbursement import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return make.world(6)


@pytest.fixture
def order(here):
    return make.sent_order(here)


def upload(here, data, name="r.txt"):
    return services.accept_return(data, name, actor=here["reconciler"])


def refused(here, data, match, name="r.txt"):
    with pytest.raises(FileRefused, match=match):
        upload(here, data, name)
    assert not ReturnFile.objects.exists()
    assert not PaymentResult.objects.exists()


def alter(place, **changes):
    """The line at this place of the file, altered."""
    seen = iter(range(100))
    return lambda line: line._replace(**changes) if next(seen) == place else line


def test_a_file_for_another_order_is_refused(here, order):
    lines = []
    refused(here, make.file_of(order, lines or _lines(order), number="ZF341524-2099-000001"), "不存在")


def _lines(order):
    from huimin.core.bankformats.layout import ReturnLine

    return [
        ReturnLine(one.serial, one.name, one.account, one.amount, "0", "", "", one.reference)
        for one in make.payroll(order).lines
    ]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"reference": "P000000999999"}, "第3行不是这笔支付申请里的明细"),
        ({"reference": "2.02611E+17"}, "明细编号已损坏"),
        ({"amount": Decimal("999.99")}, "第3行金额999.99元，发出的是"),
        ({"account": "6230910000000000000"}, "第3行账号与发出的不同"),
        ({"result": "9"}, "结果码9不认识"),
        ({"result": "1"}, "失败但没有写原因"),
        ({"reason_code": "0103"}, "结果是成功，却带有失败原因"),
        ({"result": "1", "reason_code": "9ZZZ"}, "原因码9ZZZ不认识"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_changed_line_is_named_and_nothing_is_taken(here, order, changes, match):
    refused(here, make.answer(order, change=alter(1, **changes)), match)


def test_a_fen_moved_from_one_line_to_another_is_seen(here, order):
    lines = _lines(order)
    lines[0] = lines[0]._replace(amount=lines[0].amount + 1)
    lines[1] = lines[1]._replace(amount=lines[1].amount - 1)
    with pytest.raises(FileRefused) as error:
        upload(here, make.file_of(order, lines))
    assert [one.row for one in error.value.errors] == [2, 3]
    assert not ReturnFile.objects.exists()


def test_the_same_line_twice_is_refused(here, order):
    lines = _lines(order)
    lines[3] = lines[2]
    refused(here, make.file_of(order, lines), "是同一笔")


def test_a_file_short_of_its_own_trailer_is_refused(here, order):
    data = make.answer(order)
    refused(here, b"".join(data.splitlines(keepends=True)[:4]), "缺少结尾行")


def test_another_encoding_is_refused(here, order):
    refused(here, make.answer(order).decode("gb18030").encode(), "编码不是GB18030")


def test_our_own_export_is_refused(here, order):
    from huimin.core.records import files

    refused(here, files.read(order.bank_file.file), "我方导出")


def test_two_files_joined_are_refused(here, order):
    refused(here, make.answer(order) * 2, "两份回盘|结尾行之后")


@pytest.mark.parametrize("data", [b"", b"<html><body>login</body></html>", b"PK\x03\x04xxxx"])
def test_what_is_no_return_at_all_is_refused(here, order, data):
    refused(here, data, None)


def test_a_date_before_the_order_or_ahead_is_refused(here, order):
    now = timezone.localtime(order.sent_at)
    refused(here, make.answer(order, day=f"{now - timedelta(days=1):%Y%m%d}"), "早于代发日期")
    refused(here, make.answer(order, day=f"{now + timedelta(days=1):%Y%m%d}"), "还没有到")


def test_an_order_that_is_not_sent_can_have_no_return(here):
    order = make.ordered(here, make.issued_batch(here))
    order.sent_at = timezone.now()
    data = make.file_of(order, [])
    refused(here, data, "尚未送银行|声明|笔")


def test_lines_missing_from_a_whole_file_stay_with_the_bank(here, order):
    taken = upload(here, make.answer(order, leave_out={0, 1}))
    assert taken.return_file.open_count == 2
    services.confirm_return(taken.return_file.pk, actor=here["reconciler2"])
    order.refresh_from_db()
    assert order.status == "sent"
    assert PaymentResult.objects.count() == 4


def test_an_answer_in_another_format_than_the_banks_is_refused_with_both_names(here, order):
    refused(
        here,
        make.answer(order, bank=XLSX),
        "这份文件是Excel 工作簿，金寨县农村商业银行的回盘应是竖线分隔文本（GB18030）",
    )


@pytest.mark.parametrize("again", ["bytes", "line ends", "order of lines"])
def test_the_same_answer_again_changes_nothing(here, order, again):
    first = upload(here, make.answer(order, fail={2}))
    data, name = make.answer(order, fail={2}), "again.txt"
    if again == "line ends":
        data = data.replace(b"\r\n", b"\n")
    elif again == "order of lines":
        rows = data.splitlines(keepends=True)
        data = b"".join([rows[0], *reversed(rows[1:-1]), rows[-1]])
    second = upload(here, data, name)
    assert second.is_repeat
    assert second.return_file == first.return_file
    assert "本次没有变化" in second.message
    assert ReturnFile.objects.count() == 1


def test_a_late_success_for_a_corrected_line_is_refused(here, order):
    make.returned(here, order, fail={0})
    services.make_correction(Batch.objects.get().pk, actor=here["department"])
    with pytest.raises(FileRefused, match="更正批次"):
        upload(here, make.answer(order))
    assert PaymentResult.objects.filter(kind="paid").count() == 5


def test_a_failure_that_became_a_success_wants_the_banks_word(here, order):
    make.returned(here, order, fail={0})
    with pytest.raises(FileRefused, match="书面说明"):
        upload(here, make.answer(order))


def test_another_name_is_a_question_for_the_second_person(here, order):
    taken = upload(here, make.answer(order, change=alter(0, name="冒名者")))
    assert "请核实收款人" in taken.return_file.lines.get(line_no=2).question


def test_a_missing_character_is_a_question(here, order):
    name = make.payroll(order).lines[0].name
    taken = upload(here, make.answer(order, change=alter(0, name=name[:-1] + "?")))
    assert "银行字库缺字" in taken.return_file.lines.get(line_no=2).question


def test_a_second_file_waits_for_the_first(here, order):
    upload(here, make.answer(order, leave_out={0}))
    with pytest.raises(StepRefused, match="等待确认"):
        upload(here, make.answer(order))


def test_a_refused_file_may_be_uploaded_again(here, order):
    taken = upload(here, make.answer(order))
    services.refuse_return(taken.return_file.pk, actor=here["reconciler2"], note="银行来电要换文件")
    again = upload(here, make.answer(order))
    assert not again.is_repeat


def test_the_uploader_does_not_confirm(here, order):
    taken = upload(here, make.answer(order))
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.confirm_return(taken.return_file.pk, actor=here["reconciler"])
    assert not PaymentResult.objects.exists()


def test_other_posts_cannot_upload(here, order):
    with pytest.raises(StepForbidden):
        services.accept_return(make.answer(order), "r.txt", actor=here["finance"])


def test_the_results_carry_file_and_line(here, order):
    found = make.returned(here, order, fail={0})
    failed = PaymentResult.objects.get(kind="bank_failed")
    assert (failed.return_file_id, failed.file_line_no, failed.reason) == (found.pk, 2, "closed")
    assert PaymentLine.objects.filter(results__return_file=found).count() == 6


def test_the_date_of_the_bank_file_is_the_day_in_china(here, order):
    assert make.payroll(order).header.date == f"{timezone.localtime(order.sent_at):%Y%m%d}"


def test_who_uploads_nowhere_is_told_so_before_the_file_is_looked_at(here, monkeypatch):
    read = []
    monkeypatch.setattr("disbursement.services.returns.formats_of_return", lambda *given: read.append(given))
    for name in ("finance", "treasurer"):
        with pytest.raises(StepForbidden, match="须由代发银行、对账员办理"):
            services.accept_return(b"x", "r.txt", actor=here[name])
    assert not read


def _in_groups(number):
    return " ".join([number[:4], number[4:8], number[8:12], number[12:]])


def _in_wide_digits(number):
    return "".join(chr(ord(one) + 0xFEE0) for one in number)


@pytest.mark.parametrize("written", [str, _in_groups, _in_wide_digits, "\u200b".join])
def test_a_number_in_the_words_of_a_bank_is_hidden_before_anything_is_stored(here, order, written):
    def told(line):
        words = f"账号{written(line.account)}户名不符"
        return line._replace(bank_words=words) if line.result == "1" else line

    make.returned(here, order, fail={0}, change=told)
    hidden = "账号［数字已隐去］户名不符"
    assert set(ReturnLine.objects.exclude(bank_words="").values_list("bank_words", flat=True)) == {hidden}
    assert set(PaymentResult.objects.exclude(note="").values_list("note", flat=True)) == {hidden}


@pytest.mark.parametrize("column", ["bank_words", "bank_code", "question"])
def test_the_database_refuses_a_return_line_that_holds_a_number(here, order, column):
    make.returned(here, order, fail={0})
    line = ReturnLine.objects.filter(outcome="failed").get()
    line.pk, line.line_no, line.payment_line_id = None, 99, 99
    setattr(line, column, "62309100000" if column == "bank_code" else "卡6230-9100 0000-0000 008")
    with pytest.raises(IntegrityError, match="return_line_holds_no_number"), transaction.atomic():
        line.save()


def test_a_number_in_the_reason_of_a_stop_is_hidden(here):
    roster = make.issued_batch(here).rosters.order_by("-line_count").first()
    make.approve(here, roster, until="pass_department_check")
    result = services.stop_line(
        roster.lines.first().pk, reason="卡6230910000000000008已销", actor=here["finance"]
    )
    assert result.note == "卡［数字已隐去］已销"
