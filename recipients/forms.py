"""Forms of this app; what they mean is checked in the services."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms

from huimin.core.desk.forms import FreeText, HouseForm, ScrolledChoices
from huimin.core.desk.looking import LookedAtForm, acknowledged_in, ask_about
from huimin.core.models import Division
from huimin.core.values.doubts import Doubt
from recipients.files import relations
from recipients.files.declaration import asked_facts
from recipients.models import Account, DeclarationLine, HeadChange, Person, Suspension
from recipients.rules import MEMBERS_AT_LEAST, Meetings, Votes, meeting_faults
from recipients.services import heads
from subsidies.forms import PolicyPeriodForm, add_fields
from subsidies.rules import Fact

SHEETS = ".xlsx,.xls,.csv"


class SheetForm(HouseForm):
    file = forms.FileField(label="表格文件", widget=forms.FileInput(attrs={"accept": SHEETS}))


class LinesSheetForm(SheetForm):
    replace = forms.BooleanField(
        label="替换全册",
        required=False,
        help_text="先清空册里的明细，再按这张表写入；表有不符，原来的明细不动",
    )


class PersonForm(HouseForm):
    seen = forms.CharField(widget=forms.HiddenInput)  # registry.state_of: what the page showed
    name = forms.CharField(label="姓名", max_length=60)
    phone = forms.CharField(label="新的联系电话", max_length=20, required=False)
    phone_gone = forms.BooleanField(label="删去电话", required=False)
    group_name = forms.CharField(label="村（居）民小组", max_length=20)
    is_low_income = forms.BooleanField(label="低保户", required=False)
    is_rural = forms.BooleanField(label="乡村人口", required=False)
    is_poverty_relief = forms.BooleanField(label="建档立卡户", required=False)
    is_extreme_poverty = forms.BooleanField(label="特困人员", required=False)
    note = FreeText(label="备注", max_length=200, required=False)

    def __init__(self, *args: Any, masked_phone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        told = f"现在登记的是 {masked_phone}，要改才填" if masked_phone else "还没有登记"
        self.fields["phone"].help_text = told
        if not masked_phone:
            del self.fields["phone_gone"]


class DeathForm(HouseForm):
    died_on = forms.DateField(label="死亡日期")


class HeadChangeForm(HouseForm):
    """Why another member becomes head, from which day, and what everybody else is to that one."""

    cause = forms.ChoiceField(
        label="变更原因", choices=[("", "请选择"), *HeadChange.Cause.choices], widget=forms.Select
    )
    starts_on = forms.DateField(
        label="变更日期",
        help_text="户主变了的那一天，不晚于今天。从那天起到户的资格都归新户主；办错的变更，填原来那一次的日期就整段转回",
    )
    reason = FreeText(label="说明", max_length=200, help_text="例如：户口本已变更，见照片")
    proof = forms.FileField(
        label="证明照片",
        help_text="户口本、村委会证明等，JPG 或 PNG，不超过 10MB；照片上的身份证号请遮住",
        widget=forms.FileInput(attrs={"accept": ".jpg,.jpeg,.png"}),
    )

    def __init__(self, *args: Any, members: Iterable[Person], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [(code, word) for code, word in relations.LABELS.items() if code not in relations.OWN]
        self.members = list(members)
        self._of_the_dead = any(one.is_holder and one.died_on for one in self.members)
        self._ask_cause()
        asked: dict[str, forms.Field] = {
            f"relation_{one.pk}": forms.ChoiceField(
                label=f"{one.name}是新户主的", choices=[("", "请选择"), *kinds]
            )
            for one in self.members
        }
        add_fields(self, asked)

    def _ask_cause(self) -> None:
        """Of a dead head the cause and the day are known; who lives has not died."""
        died = HeadChange.Cause.DIED
        cause: Any = self.fields["cause"]
        if self._of_the_dead:
            cause.choices = [(died.value, died.label)]
            del self.fields["starts_on"]
        else:
            cause.choices = [one for one in cause.choices if one[0] != died]
            cause.help_text = "原户主去世的，先在原户主的档案里登记死亡"

    def wanted(self, proof: bytes) -> heads.NewHead:
        given = self.cleaned_data
        found = {one.pk: given[f"relation_{one.pk}"] for one in self.members}
        return heads.NewHead(
            given["cause"], given["reason"], given.get("starts_on"), found, proof, acknowledged_in(self)
        )


class HeadCheckForm(HouseForm):
    seen = forms.CharField(widget=forms.HiddenInput)  # passing.seen: the rights that the page showed

    def __init__(self, *args: Any, doubts: Sequence[Doubt], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if doubts:
            ask_about(self, doubts)


class NumberChangeForm(HouseForm):
    """The right number as on the card, why, and a photograph of the card or the household book."""

    number = forms.CharField(
        label="正确的身份证号", max_length=30, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    exchange = forms.BooleanField(
        label="两个人的号登反了，互换",
        required=False,
        help_text="这个号登在另一个人的档案上、那个人应是这里登的号，才勾。好几个人错了行的，一对一对地换",
    )
    reason = FreeText(label="更正原因", max_length=200, help_text="例如：建档时抄错一位。这里不写号码")
    proof = forms.FileField(
        label="证件照片",
        help_text="身份证或户口本，JPG 或 PNG，不超过 10MB；加密保存，每看一次留痕",
        widget=forms.FileInput(attrs={"accept": ".jpg,.jpeg,.png"}),
    )


class NumberCheckForm(HouseForm):
    number_again = forms.CharField(
        label="照证件再输一遍正确的身份证号",
        max_length=30,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, doubts: Sequence[Doubt], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if doubts:
            ask_about(self, doubts)


class VoidForm(HouseForm):
    summary_verb = "作废"
    reason = FreeText(
        label="作废原因",
        max_length=200,
        help_text="还没有发过钱的档案建重了、建错了。身份证号登错的办“更正身份证号”；去世、迁走的不作废。作废后不能恢复",
    )


class RecordPauseForm(HouseForm):
    reason = FreeText(
        label="停用原因",
        max_length=200,
        help_text="例如：长期联系不上、证件要核对。只停一项补贴的，在“享受资格”里暂停",
    )


class RecordResumeForm(HouseForm):
    note = FreeText(label="恢复原因", max_length=200, help_text="例如：本人带身份证来核对过")


class RevealForm(HouseForm):
    field = forms.ChoiceField(
        label="看哪一项",
        choices=[("id_number", "身份证号"), ("phone", "联系电话"), ("account", "银行账号")],
    )
    reason = FreeText(label="原因", max_length=200, help_text="会记入审计日志")


class ContactRevealForm(HouseForm):
    reason = FreeText(label="原因", max_length=200, help_text="会记入审计日志")


class AccountChangeForm(HouseForm):
    kind = forms.ChoiceField(label="种类", choices=Account.Kind.choices)
    holder_name = forms.CharField(label="账户名称", max_length=60)
    holder_relation = FreeText(
        label="户名与本人关系",
        max_length=20,
        required=False,
        help_text="户名不是本人也不是户主时要写，例如：监护人",
    )
    number = forms.CharField(label="银行账号", max_length=40)
    bank_name = forms.CharField(label="开户银行", max_length=120)
    branch_code = forms.RegexField(
        r"^\d{12}$", label="联行号", required=False, error_messages={"invalid": "联行号是 12 位数字"}
    )
    reason = FreeText(label="变更原因", max_length=200)


class AccountCheckForm(HouseForm):
    number_again = forms.CharField(
        label="再输一遍新账号",
        max_length=40,
        help_text="照本人的卡（折）输，与申请的一样才能通过；退回不用输",
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, doubts: Sequence[Doubt], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if doubts:
            ask_about(self, doubts, hint="退回不用勾")


class DeclarationForm(PolicyPeriodForm):
    division = forms.ModelChoiceField(Division.objects.none(), label="村")
    another = forms.BooleanField(label="另立一册（补报）", required=False)

    def __init__(self, *args: Any, villages: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["division"].queryset = villages  # type: ignore[attr-defined]


class FactsForm(HouseForm):
    """A quantity and the facts that the policy's rule asks for."""

    quantity = forms.CharField(label="数量", max_length=20)

    def __init__(self, *args: Any, facts: Iterable[Fact], quantity_label: str = "", **kwargs: Any) -> None:
        self.asked = asked_facts(facts)
        super().__init__(*args, **kwargs)
        if quantity_label:
            self.fields["quantity"].label = quantity_label
        add_fields(self, {f"fact_{fact.name}": _fact_field(fact) for fact in self.asked})

    @property
    def facts(self) -> dict[str, str]:
        return {fact.name: self.cleaned_data[f"fact_{fact.name}"] for fact in self.asked}


def _fact_field(fact: Fact) -> forms.Field:
    if fact.is_text:
        field: forms.Field = forms.ChoiceField(
            label=fact.label, choices=[("", "请选择"), *((word, word) for word in fact.choices)]
        )
        field.widget.attrs["class"] = "select"
    else:
        field = forms.CharField(label=fact.label, max_length=20)
        field.widget.attrs["class"] = "input num"
    return field


class LineForm(FactsForm):
    name = forms.CharField(label="享受人姓名", max_length=60)
    id_number = forms.CharField(label="享受人身份证号", max_length=30)
    payee_name = forms.CharField(
        label="收款人姓名", max_length=60, required=False, help_text="只能是享受人本人或本户户主"
    )
    field_order = ["name", "id_number", "payee_name", "quantity"]


class ExcludeForm(HouseForm):
    reason = FreeText(label="剔除原因", max_length=200)


class DeliberationForm(HouseForm):
    held_on = forms.DateField(label="评议日期", help_text="送审当天或以后，不晚于今天")
    place = forms.CharField(label="地点", max_length=80)
    host = forms.CharField(label="主持人", max_length=40)
    members = forms.IntegerField(
        label="应到人数",
        max_value=500,
        help_text=f"评议小组全体，一般 15 人以上，至少 {MEMBERS_AT_LEAST} 人",
    )
    representatives = forms.IntegerField(
        label="应到中村（居）民代表", max_value=500, help_text="不少于应到的三分之二"
    )
    excused = FreeText(
        label="回避人员", max_length=200, required=False, help_text="名单上的人和他们的近亲属不参加，写姓名"
    )
    present = forms.IntegerField(
        label="实到人数", max_value=500, help_text="不少于应到的三分之二，不够的评议无效"
    )
    agreed = forms.IntegerField(label="同意票", min_value=0, max_value=500)
    against = forms.IntegerField(label="不同意票", min_value=0, max_value=500)
    abstained = forms.IntegerField(label="弃权票", min_value=0, max_value=500)

    again_because = FreeText(
        label="再次评议的原因",
        max_length=200,
        help_text="上一次没有通过，核实、剔除了什么；上一次的记录不会去掉",
    )

    def __init__(self, *args: Any, meetings: Meetings, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.meetings = meetings
        if not meetings.failed:
            del self.fields["again_because"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        for field, said in meeting_faults(data, self.meetings).items():
            if field not in self.errors:
                self.add_error(field, said)
        return data

    def votes(self, conclusion: str) -> Votes:
        return Votes(**self.cleaned_data, conclusion=conclusion)


class PostNoticeForm(HouseForm):
    place = forms.CharField(label="张贴地点", max_length=120, initial="村务公开栏")
    starts_on = forms.DateField(
        label="张贴日期", help_text="贴出去的那一天，今天或者几天以内；登记后要改，须由另一个人撤回"
    )


class PhotoForm(HouseForm):
    photo = forms.FileField(
        label="照片",
        help_text="JPG 或 PNG，不超过 10MB",
        widget=forms.FileInput(attrs={"accept": ".jpg,.jpeg,.png"}),
    )
    caption = FreeText(label="说明", max_length=60, required=False)
    taken_on = forms.DateField(label="拍摄日期")


class ObjectionForm(HouseForm):
    text = FreeText(label="异议内容", max_length=2000, widget=forms.Textarea(attrs={"rows": "4"}))
    contact = forms.CharField(
        label="联系方式", max_length=100, required=False, help_text="登记后只有核实的人看得到"
    )


class AnswerForm(HouseForm):
    verdict = forms.ChoiceField(
        label="结论",
        choices=[("rejected", "不属实"), ("exclude", "属实，剔除下面选的人"), ("return", "属实，退回补正")],
        widget=forms.RadioSelect,
    )
    exclude = forms.MultipleChoiceField(
        label="剔除谁",
        required=False,
        widget=ScrolledChoices,
        help_text="结论选“属实，剔除下面选的人”时勾选，可以勾几个；其他结论不勾",
    )
    answer = FreeText(
        label="核实结果",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": "4"}),
        help_text="不要写别人的隐私",
    )

    def __init__(self, *args: Any, lines: Sequence[DeclarationLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [
            (str(line.pk), f"{line.line_no} {line.beneficiary}（{line.beneficiary.household.group_name}）")
            for line in lines
        ]
        self.fields["exclude"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("verdict") in ("rejected", "return") and data.get("exclude"):
            self.add_error("exclude", "这个结论不剔除人，请不要勾选，或改选“属实，剔除下面选的人”")
        return data


class EntitlementStepForm(HouseForm):
    note = FreeText(label="原因", max_length=200, widget=forms.Textarea(attrs={"rows": "3"}))


class CauseForm(HouseForm):
    """Asked first, by the address: what follows from the day is shown before anybody ends a right."""

    happened = forms.DateField(label="原因发生日期", help_text="例如迁出、去世、不再符合条件的那一天")


class EntitlementEndForm(LookedAtForm, CauseForm, EntitlementStepForm):
    ASKED = ("happened",)
    field_order = ASKED


class PauseForm(HouseForm):
    """Asked first, as CauseForm: what was paid for days from then on is shown before anybody suspends a right."""

    kind = forms.ChoiceField(
        label="种类",
        choices=Suspension.Kind.choices,
        help_text="查清、认证以后还要补给本人的选暂缓；按规定这段时间不享受的（如服刑）选停发",
    )
    first_day = forms.DateField(label="首日", help_text="从哪一天起；可以填以前的日子，不能晚于今天")


class EntitlementSuspendForm(LookedAtForm, PauseForm, EntitlementStepForm):
    ASKED = ("kind", "first_day")
    field_order = ASKED


class SuspensionLiftForm(EntitlementStepForm):
    last_day = forms.DateField(label="末日", help_text="暂缓到哪一天为止（含当天）；没有发的都可以补发")


class LastDayForm(HouseForm):
    """Asked first of one that forfeits: what is never paid with this day is shown before anybody lifts it."""

    last_day = forms.DateField(
        label="末日", help_text="停发到哪一天为止（含当天）。按月算的，末日所在的月份不发，从下一个月起发"
    )


class SuspensionReleaseForm(LookedAtForm, LastDayForm, EntitlementStepForm):
    ASKED = ("last_day",)
    field_order = ASKED
