import pytest

from huimin.core.errors import BadInput, FileRefused, Refused, RowError, StepRefused


@pytest.mark.parametrize(
    "error", [StepRefused("不能办理。"), BadInput("金额为空。"), FileRefused("文件是空的。")]
)
def test_every_refusal_is_shown_as_it_stands(error):
    assert isinstance(error, Refused)
    assert str(error).endswith("。")


def test_bad_input_may_name_its_field():
    assert BadInput("金额为空。", field="amount").field == "amount"
    assert BadInput("金额为空。").field == ""


def test_a_row_error_reads_with_its_row_and_without():
    assert str(RowError(4, "金额", "金额不能是负数。")) == "第4行金额不能是负数。"
    assert str(RowError(None, "", "文件是空的。")) == "文件是空的。"


def test_a_refused_file_carries_every_error():
    refused = FileRefused("有2处要改。", (RowError(row, "姓名", "姓名为空。") for row in (2, 3)))
    assert [error.row for error in refused.errors] == [2, 3]
