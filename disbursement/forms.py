"""The shape of what people type; what it means is decided by the services."""

from __future__ import annotations

from django import forms

from disbursement.models import Reversal
from huimin.core.desk.forms import FreeText, HouseForm
from subsidies.forms import PolicyPeriodForm


class BeyondForm(forms.Form):
    """In an address: what one right was paid for periods beyond a day."""

    entitlement = forms.IntegerField(min_value=1)
    since = forms.DateField()


class BatchForm(PolicyPeriodForm):
    summary_verb = "建批次"
    title = FreeText(label="发放标题", max_length=100, required=False, help_text="不填就用“期次＋政策名称”")
    early = FreeText(
        label="提前发的原因", max_length=200, required=False, help_text="这一期还没有开始就要发的才填"
    )


class WholeYuanForm(HouseForm):
    """The signer types the integer part of the amount, so that nobody signs the wrong order by mistake."""

    whole_yuan = forms.CharField(
        label="应付金额的整数部分",
        max_length=20,
        help_text="签章必填，确认您看的是这一笔。只填元以上的整数，不写角分，如 5971",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "class": "input num"}),
    )


class ReturnForm(HouseForm):
    summary_verb = "上传"
    file = forms.FileField(
        label="回盘文件", help_text="银行给的原始文件，不要用 Excel 打开保存", max_length=200
    )


class StopForm(HouseForm):
    summary_verb = "停发"
    reason = FreeText(label="停发原因", max_length=200, widget=forms.Textarea)


class LiftForm(HouseForm):
    summary_verb = "恢复发放"
    reason = FreeText(label="恢复原因", max_length=200, widget=forms.Textarea)


class SupplementForm(HouseForm):
    summary_verb = "建补发批次"
    reason = FreeText(
        label="补发原因", max_length=200, widget=forms.Textarea, help_text="如：补报的申报册已确认"
    )


class ReversalForm(HouseForm):
    summary_verb = "登记"
    kind = forms.ChoiceField(
        label="种类",
        choices=Reversal.Kind.choices,
        widget=forms.RadioSelect,
        help_text="退汇：银行退回，可以更正发放。退款：收款人主动退回，不再发。",
    )
    returned_on = forms.DateField(label="退回到账日期", widget=forms.DateInput)
    bank_reference = forms.CharField(label="银行流水号", max_length=40)
    reason = FreeText(label="原因", max_length=200, widget=forms.Textarea)
