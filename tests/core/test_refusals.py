"""What is said of a refused sheet: equal faults once, with their rows and the names in them."""

from huimin.core.errors import RowError
from huimin.core.sheets.refusals import is_total, together

EMPTY = "为空，请填写。"


def said(*errors):
    return [str(one) for one in together(errors)]


def test_equal_faults_of_rows_in_a_row_are_said_once():
    errors = [RowError(row, "身份证号", EMPTY) for row in (2, 3, 4, 7, 9, 10)]
    assert said(*errors) == [f"第2—4、7、9—10行：{EMPTY}"]


def test_another_column_or_another_fault_is_said_by_itself():
    errors = RowError(2, "姓名", EMPTY), RowError(2, "数量", EMPTY), RowError(3, "数量", "不是数字。")
    assert said(*errors) == [f"第2行：{EMPTY}", f"第2行：{EMPTY}", "第3行：不是数字。"]


def test_the_names_in_the_rows_are_told_and_not_more_than_three():
    few = [RowError(row, "数量", EMPTY, who=name) for row, name in ((2, "张三"), (5, "李四"))]
    assert said(*few) == [f"第2、5行（张三、李四）：{EMPTY}"]
    many = [RowError(row, "数量", EMPTY, who=f"王{row}") for row in range(2, 7)]
    assert said(*many) == [f"第2—6行（王2、王3、王4等5人）：{EMPTY}"]


def test_a_fault_of_the_whole_file_has_no_row():
    assert said(RowError(None, "", "表里没有数据行。")) == ["表里没有数据行。"]


def test_a_row_that_adds_up_is_known_by_its_word():
    assert is_total(["", "合 计", "", "12"])
    assert is_total(["总计：", "", ""])
    assert not is_total(["王合计", "", "3"])
