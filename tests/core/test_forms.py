from decimal import Decimal

import pytest
from django import forms

from huimin.core.desk.forms import HouseForm, YuanField


class Sample(HouseForm):
    name = forms.CharField(label="姓名", max_length=4)
    amount = YuanField(label="应发金额", allow_zero=False)
    area = forms.DecimalField(label="面积", max_digits=12, decimal_places=4, min_value=0, required=False)
    start = forms.DateField(label="开始日期", required=False)
    kind = forms.ChoiceField(label="种类", choices=[("a", "甲")])
    sure = forms.BooleanField(label="我看过了")
    way = forms.ChoiceField(label="办法", choices=[("a", "甲")], widget=forms.RadioSelect, initial="a")
    told = forms.CharField(label="口令", error_messages={"required": "请看手机上的六位数字"})

    def clean(self):
        raise forms.ValidationError("起止日期倒了")


GOOD = {"name": "王桂英", "amount": "1,541.20元", "kind": "a", "way": "a", "sure": "on", "told": "1"}


def errors_of(**changes: str) -> dict[str, list[str]]:
    return Sample({**GOOD, **changes}).errors


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("name", "", "请填写姓名"),
        ("name", "王桂英王桂英", "姓名最多 4 个字，您填了 6 个"),
        ("amount", "", "请填写应发金额"),
        ("amount", "1.234", "应发金额1.234超过两位小数，系统不替您四舍五入。"),
        ("amount", "0", "应发金额为0。不发放的人请不要列入名单。"),
        ("area", "三亩", "面积要填数字"),
        ("area", "-1", "面积不能小于 0"),
        ("area", "1.23456", "面积最多 4 位小数"),
        ("start", "昨天", "开始日期要写成 2026-06-18 这样的日期"),
        ("kind", "", "请选择种类"),
        ("kind", "b", "种类选的这一项不在名单里，请重新选"),
        ("sure", "", "请先勾选“我看过了”"),
        ("told", "", "请看手机上的六位数字"),
    ],
)
def test_an_error_names_the_field_and_says_what_to_do(field, typed, said):
    assert errors_of(**{field: typed})[field] == [said]


def test_money_comes_out_exact():
    form = Sample(GOOD)
    assert not form.is_valid()
    assert form.cleaned_data["amount"] == Decimal("1541.20")
    assert isinstance(form.cleaned_data["amount"], Decimal)


def test_the_summary_lists_each_error_once_and_leads_to_its_field():
    form = Sample({**GOOD, "name": "", "kind": "", "way": ""})
    lines = [(line.label, line.url) for line in form.summary]
    assert lines == [
        ("请填写姓名", "#id_name"),
        ("请选择种类", "#id_kind"),
        ("请选择办法", "#id_way_0"),
        ("起止日期倒了", ""),
    ]
    assert form.summary_title == "还不能提交，有 4 处要改"


def test_one_error_is_not_counted():
    assert Sample(GOOD).summary_title == "还不能提交，请改一处"


def test_widgets_carry_the_classes_of_the_style_sheets():
    form = Sample()
    assert 'class="input"' in str(form["name"])
    assert 'class="select"' in str(form["kind"])
    assert 'type="date"' in str(form["start"])
    assert 'inputmode="decimal"' in str(form["amount"])
    assert "class" not in str(form["sure"])
    assert " required" not in str(form["name"])


class Choosing(HouseForm):
    unit = forms.ChoiceField(label="单位", choices=[("", "---------"), ("mu", "亩")])
    other = forms.ChoiceField(label="其他", choices=[("", "---------"), ("a", "甲")], required=False)


def test_the_empty_choice_asks_to_choose_or_says_that_one_need_not():
    form = Choosing()
    assert form.fields["unit"].choices == [("", "请选择"), ("mu", "亩")]
    assert form.fields["other"].choices[0] == ("", "不选")
