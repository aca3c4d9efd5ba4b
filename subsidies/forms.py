"""Shapes of input: filters, the policy, its version, trying a rule, indicators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django_filters
from django import forms
from django.conf import settings
from django.db.models import Q, QuerySet

from huimin.core import clock
from huimin.core.desk.forms import (
    FreeText,
    HouseForm,
    HouseModelForm,
    QuantityField,
    YuanField,
    dress,
    word_errors,
)
from huimin.core.desk.lists import HouseFilterSet
from huimin.core.errors import BadInput
from huimin.core.models import Department
from subsidies.models import Indicator, JointParty, Policy, PolicyChange, PolicyVersion, StopRule
from subsidies.rules import Fact, parse_rule
from subsidies.rules.composing import Composed, compose, decompose
from subsidies.rules.levels import DECIDED, NOBODY_DECIDES
from subsidies.services import period_chosen, periods_of
from subsidies.states import Deliberation, IndicatorStatus, PolicyStatus


class PolicyPeriodForm(HouseForm):
    """Which policy, which of its periods: chosen, since a mistyped period is a true period of some other time."""

    policy = forms.ModelChoiceField(Policy.objects.none(), label="政策")
    period = forms.ChoiceField(
        label="期次", help_text="按政策的发放频次选；一次性的，先在政策页面开一次发放，再在政策名下选"
    )

    def __init__(self, *args: Any, policies: QuerySet[Policy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["policy"]
        chosen.queryset = policies
        chosen.label_from_instance = lambda one: f"{one}（{one.get_frequency_display()}）"
        offered = periods_of(policies, today=clock.today())
        self.fields["period"].choices = [("", "请选择"), *offered]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The period as its text: a round was chosen under its policy."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("policy") and data.get("period"):
            try:
                data["period"] = period_chosen(data["policy"], data["period"])
            except BadInput as wrong:
                self.add_error("period", str(wrong))
        return data


class RoundForm(HouseForm):
    title = FreeText(label="事由", max_length=40, help_text="为什么发这一次，写大家看得懂的，如“7月洪灾救助”")
    day = forms.DateField(
        label="基准日", help_text="按这一天的补贴标准发，年龄也算到这一天；这一天以前去世的不发"
    )


class RoundDiscardForm(HouseForm):
    summary_verb = "放弃"
    note = FreeText(
        label="放弃的原因",
        max_length=200,
        help_text="如“基准日打错了，应为11月20日”。放弃以后不能恢复，再发就重新开一次",
    )


LINES = 6  # tiers or kinds that the form has room for


def add_fields(form: forms.Form, fields: dict[str, forms.Field]) -> None:
    """Fields known only when the form is made, dressed like all others."""
    for name, field in fields.items():
        dress(field)
        word_errors(field, str(field.label))
        form.fields[name] = field


def departments() -> QuerySet[Department]:
    """Those of the county, and those that stand for the whole installation."""
    return Department.objects.of_county(settings.COUNTY_CODE)


class PolicyFilter(HouseFilterSet):
    q = django_filters.CharFilter(method="by_words", label="名称、编码、文号、标准")
    department = django_filters.ModelChoiceFilter(queryset=lambda _: departments(), label="部门")
    level = django_filters.ChoiceFilter(choices=Policy.GovernmentLevel.choices, label="级次")
    object_type = django_filters.ChoiceFilter(choices=Policy.ObjectType.choices, label="对象")
    status = django_filters.ChoiceFilter(choices=PolicyStatus.choices, label="状态")

    class Meta:
        model = Policy
        fields: list[str] = []

    def by_words(self, rows: QuerySet[Policy], _: str, value: str) -> QuerySet[Policy]:
        wanted = value.strip()
        return rows.filter(
            Q(name__icontains=wanted)
            | Q(code__istartswith=wanted)
            | Q(basis__icontains=wanted)
            | Q(standard__icontains=wanted)
        )


class IndicatorFilter(HouseFilterSet):
    q = django_filters.CharFilter(method="by_words", label="文号、说明")
    year = django_filters.NumberFilter(
        label="年度", widget=forms.NumberInput(attrs={"placeholder": "年度", "class": "input num"})
    )
    source = django_filters.ChoiceFilter(choices=Indicator.Source.choices, label="来源")
    policy = django_filters.ModelChoiceFilter(
        field_name="policies",
        # the names in the box end where the person's reach ends
        queryset=lambda request: Policy.objects.visible_to(request.user).exclude(
            status=PolicyStatus.ABOLISHED
        ),
        label="政策",
    )
    status = django_filters.ChoiceFilter(choices=IndicatorStatus.choices, label="状态")

    class Meta:
        model = Indicator
        fields: list[str] = []

    def by_words(self, rows: QuerySet[Indicator], _: str, value: str) -> QuerySet[Indicator]:
        wanted = value.strip()
        return rows.filter(
            Q(document_number__icontains=wanted)
            | Q(upper_document__icontains=wanted)
            | Q(name__icontains=wanted)
        )


class PolicyForm(HouseModelForm):
    summary_verb = "保存"

    class Meta:
        model = Policy
        fields = (
            "code",
            "name",
            "short_name",
            "level",
            "department",
            "finance_section",
            "object_type",
            "unit",
            "frequency",
            "payment_remark",
            "basis",
            "objects_text",
            "exclusions",
            "process",
            "phone",
            "is_protected",
            "is_sample",
        )
        help_texts = {
            "code": "如 NY01；同一个县里不重复",
            "short_name": "最多 7 个字",
            "unit": "如 元/亩·年、元/人·月",
            "payment_remark": "印在存折上，最多 7 个字",
            "basis": "文件名称和文号",
            "is_protected": "低保、残疾等：公示只写姓氏",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "department" in self.fields:
            self.fields["department"].queryset = departments()  # type: ignore[attr-defined]


class PolicyChangeForm(PolicyForm):
    """What may still be corrected once a policy is public."""

    summary_verb = "申请更正"
    reason = FreeText(label="更正原因", max_length=200, widget=forms.Textarea)

    class Meta(PolicyForm.Meta):
        fields = PolicyChange.CORRECTABLE  # type: ignore[assignment]
        help_texts = PolicyForm.Meta.help_texts | {
            "payment_remark": "印在存折上，最多 7 个字；以后编制的支付申请用新的",
            "is_protected": "勾上并同意以后，写着全名的公示、公开名单立即不再显示；去掉的，以后新的名单才写全名",
        }


class AbolishForm(HouseForm):
    """On the panel of a policy that may be abolished; the other buttons of the panel do not ask for it."""

    seen = forms.BooleanField(
        label="废止前看过“还没有办完的发放”",
        help_text="废止时必勾。已列入名单的照旧发完、更正、办结；以后不能再申报、建批次、下达，也不能恢复",
        error_messages={"required": "废止前请先看“还没有办完的发放”，看过以后打勾。"},
    )


def _line_fields() -> dict[str, forms.Field]:
    """The boxes of both tables: tier lines (low, high, pay) and kinds (word, sum)."""
    found: dict[str, forms.Field] = {}
    for number in range(1, LINES + 1):
        for key, label in (("low", "起（含）"), ("high", "止（不含）")):
            found[f"{key}_{number}"] = forms.DecimalField(
                label=f"第{number}行{label}", max_digits=12, decimal_places=4, required=False
            )
        for key in ("pay", "sum"):
            found[f"{key}_{number}"] = YuanField(label=f"第{number}行金额（元）", required=False)
        found[f"word_{number}"] = forms.CharField(label=f"第{number}行类别", max_length=30, required=False)
    return found


class VersionForm(HouseForm):
    """What a version pays and how it is reviewed. The rule is composed of choices; its stored form is never shown."""

    summary_verb = "保存"
    BASES = (
        ("flat", "一个标准"),
        ("tiers", "按数分档（如年龄、面积）"),
        ("table", "按类别（如等级、档次）"),
        ("top_up", "补差到标准（标准 × 人口 − 家庭月收入）"),
    )
    AXES = (("age", "年龄（岁）"), ("quantity", "数量"))

    valid_from = forms.DateField(label="生效日期", widget=forms.DateInput)
    valid_to = forms.DateField(label="截止日期", required=False, widget=forms.DateInput)
    standard_text = forms.CharField(
        label="补贴标准", max_length=200, help_text="公示和公开用，如 86.90 元/亩"
    )
    base = forms.ChoiceField(label="算法", choices=BASES, initial="flat")
    amount = YuanField(label="标准金额（元）", required=False, allow_zero=False)
    amount_unit = forms.CharField(
        label="金额单位", max_length=30, required=False, initial="元", help_text="如 元/亩、元/月"
    )
    tiers_by = forms.ChoiceField(label="按什么分档", choices=AXES, required=False)
    table_by = forms.CharField(label="类别叫什么", max_length=20, required=False, help_text="如 残疾等级")
    # the name that entitlements keep the word under; a stored rule keeps its own
    table_fact = forms.CharField(max_length=30, required=False, initial="grade", widget=forms.HiddenInput)
    members_label = forms.CharField(
        label="补差的人口叫什么", max_length=20, required=False, help_text="如 保障人口"
    )
    income_label = forms.CharField(
        label="补差的收入叫什么", max_length=20, required=False, help_text="如 家庭月收入"
    )
    times_quantity = forms.BooleanField(label="乘以数量", required=False)
    quantity_label = forms.CharField(label="数量名称", max_length=20, required=False, help_text="如 补贴面积")
    quantity_title = forms.CharField(
        label="申报册上的栏名", max_length=20, required=False, help_text="不填就用数量名称；如 补贴面积（亩）"
    )
    quantity_unit = forms.CharField(label="数量单位", max_length=10, required=False, help_text="如 亩")
    times_months = forms.BooleanField(label="按月计，乘以月数", required=False)
    deliberation = forms.ChoiceField(
        label="民主评议", choices=Deliberation.choices, initial=Deliberation.NONE
    )
    has_village_notice = forms.BooleanField(label="村级公示", required=False, initial=True)
    has_township_review = forms.BooleanField(label="乡镇审核", required=False, initial=True)
    has_township_notice = forms.BooleanField(label="乡镇公示", required=False, initial=True)
    has_county_review = forms.BooleanField(label="县级联审", required=False, initial=True)
    has_county_notice = forms.BooleanField(label="县级公示", required=False, initial=True)
    joint_parties = forms.MultipleChoiceField(
        label="联审部门",
        choices=JointParty.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        initial=[JointParty.DEPARTMENT, JointParty.FINANCE],
    )
    notice_days = forms.IntegerField(label="公示天数", min_value=1, max_value=60, initial=7)
    notice_in_workdays = forms.BooleanField(label="按工作日计", required=False)
    notice_counts_first = forms.BooleanField(label="首日计入", required=False)
    stop_rule = forms.ChoiceField(
        label="停发规则",
        choices=[one for one in StopRule.choices if one[0] != StopRule.NEXT_DAY],
        initial=StopRule.NEXT_MONTH,
    )
    is_open_ended = forms.BooleanField(label="享受到停止为止", required=False)

    _CHOICES = (
        "base",
        "amount",
        "amount_unit",
        "times_quantity",
        "quantity_label",
        "quantity_unit",
        "times_months",
        "members_label",
        "income_label",
    )
    _RULE = frozenset((*_CHOICES, "tiers_by", "table_by", "table_fact"))

    def __init__(
        self, *args: Any, kept_rule: dict[str, Any] | None = None, one_off: bool = False, **kwargs: Any
    ) -> None:
        """`kept_rule` is a stored rule that does not fit the choices; the form offers to keep it. A one-off policy has a stop
        rule of its own (decisions/0017), whatever its version says, and none is asked for."""
        self.kept_rule = kept_rule
        super().__init__(*args, **kwargs)
        if one_off:
            del self.fields["stop_rule"]
        add_fields(self, _line_fields())
        if kept_rule is not None:
            base = self.fields["base"]
            base.choices = [("keep", "保持原来的规则"), *self.BASES]  # type: ignore[attr-defined]

    @classmethod
    def initial_of(cls, version: PolicyVersion) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Initial values of a stored version, and its rule when the choices cannot express all of it."""
        names = (set(cls.base_fields) - cls._RULE) & {field.name for field in version._meta.get_fields()}
        found: dict[str, Any] = {name: getattr(version, name) for name in names}
        found["valid_from"] = version.valid.lower
        upper = version.valid.upper
        found["valid_to"] = upper.fromordinal(upper.toordinal() - 1) if upper else None
        found["quantity_title"] = version.quantity_label
        chosen = decompose(version.amount_rule)
        if chosen is not None:
            told = found | _initial_of_rule(chosen)
            if cls(told).says(version.amount_rule):
                return told, None
        return found | {"base": "keep"}, version.amount_rule

    def says(self, rule: dict[str, Any]) -> bool:
        """Does this form, sent as it is, make the same rule? One with more rows than the form has room for, no."""
        if {*self.errors} & {*self._RULE, *_line_fields()}:
            return False
        try:
            return parse_rule(self._rule()) == parse_rule(rule)
        except BadInput:
            return False

    def rule_fields(self) -> list[forms.BoundField]:
        """The choices beside the two tables, in their order."""
        names = list(self._CHOICES)
        names.insert(names.index("quantity_unit") + 1, "quantity_title")
        return [self[name] for name in names]

    def review_fields(self) -> Iterator[forms.BoundField]:
        names = list(self.fields)
        return (self[name] for name in names[names.index("deliberation") : names.index("is_open_ended") + 1])

    def tier_lines(self) -> list[list[forms.BoundField]]:
        return [[self[f"{key}_{n}"] for key in ("low", "high", "pay")] for n in range(1, LINES + 1)]

    def table_lines(self) -> list[list[forms.BoundField]]:
        return [[self[f"{key}_{n}"] for key in ("word", "sum")] for n in range(1, LINES + 1)]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        base = data.get("base")
        if base in {"flat", "top_up"} and not data.get("amount") and "amount" not in self.errors:
            self.add_error("amount", "请填写标准金额（元）")
        if base == "tiers" and not self._rows(data, "pay"):
            self.add_error("pay_1", "请至少填一档的金额")
        if base == "table" and not self._rows(data, "sum"):
            self.add_error("sum_1", "请至少填一类的金额")
        if not any(data.get(f"has_{level}") for level in DECIDED):
            self.add_error("has_township_review", f"{NOBODY_DECIDES}。")
        return data

    def terms(self) -> dict[str, Any]:
        """What add_version and revise_version take."""
        data = self.cleaned_data
        lines = tuple(f"{key}_" for key in ("low", "high", "pay", "word", "sum"))
        plain = {k: v for k, v in data.items() if k not in self._RULE and not k.startswith(lines)}
        title = plain.pop("quantity_title")
        counts = data["times_quantity"] or (data["base"] == "tiers" and self._axis() == "quantity")
        plain["quantity_label"] = title or (data["quantity_label"] if counts else "")
        return {**plain, "amount_rule": self._rule()}

    def _axis(self) -> str:
        return self.cleaned_data["tiers_by"] or "age"

    def _rule(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data["base"] == "keep" and self.kept_rule is not None:
            return self.kept_rule
        return compose(
            Composed(
                base=data["base"],
                amount=str(data["amount"] or ""),
                unit=data["amount_unit"],
                rows=self._rows(data, "pay" if data["base"] == "tiers" else "sum"),
                quantity_label=data["quantity_label"],
                quantity_unit=data["quantity_unit"],
                times_quantity=data["times_quantity"],
                times_months=data["times_months"],
                members=(data["members_label"], "人") if data["members_label"] else None,
                income=(data["income_label"], "元") if data["income_label"] else None,
                **self._by(),
            )
        )

    def _by(self) -> dict[str, str]:
        """What tiers or a table go by, and what it is called."""
        data = self.cleaned_data
        if data["base"] == "table":
            return {"by": data["table_fact"] or "grade", "by_label": data["table_by"]}
        if self._axis() == "quantity":
            return {"by": "quantity", "by_label": data["quantity_label"], "by_unit": data["quantity_unit"]}
        return {"by": "age", "by_label": "年龄", "by_unit": "岁"}

    @staticmethod
    def _rows(data: dict[str, Any], amount: str) -> list[tuple[str, ...]]:
        """The lines that have an amount, as text."""
        keys = ("low", "high", "pay") if amount == "pay" else ("word", "sum")
        found = []
        for number in range(1, LINES + 1):
            values = [data.get(f"{key}_{number}") for key in keys]
            if values[-1] is not None:
                found.append(tuple("" if value is None else f"{value}" for value in values))
        return found


def _initial_of_rule(chosen: Composed) -> dict[str, Any]:
    found: dict[str, Any] = {
        "base": chosen.base,
        "amount": chosen.amount,
        "amount_unit": chosen.unit,
        "tiers_by": chosen.by if chosen.base == "tiers" else "age",
        "table_by": chosen.by_label if chosen.base == "table" else "",
        "table_fact": chosen.by if chosen.base == "table" else "grade",
        "times_quantity": chosen.times_quantity,
        "quantity_label": chosen.quantity_label,
        "quantity_unit": chosen.quantity_unit,
        "times_months": chosen.times_months,
        "members_label": chosen.members[0] if chosen.members else "",
        "income_label": chosen.income[0] if chosen.income else "",
    }
    if chosen.base == "tiers" and chosen.by == "quantity" and not chosen.times_quantity:
        found |= {"quantity_label": chosen.by_label, "quantity_unit": chosen.by_unit}
    keys = ("low", "high", "pay") if chosen.base == "tiers" else ("word", "sum")
    for number, row in enumerate(chosen.rows, 1):
        found |= {f"{key}_{number}": value for key, value in zip(keys, row, strict=True)}
    return found


class TryForm(HouseForm):
    """One field for each fact the rule asks; trying keeps and pays nothing."""

    summary_verb = "试算"

    def __init__(self, facts: tuple[Fact, ...], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        add_fields(self, {fact.name: _fact_field(fact) for fact in facts})


def _fact_field(fact: Fact) -> forms.Field:
    label = f"{fact.label}（{fact.unit}）" if fact.unit else fact.label
    if fact.is_text:
        return forms.ChoiceField(label=label, choices=[(word, word) for word in fact.choices])
    return QuantityField(label=label)


class IndicatorForm(HouseForm):
    summary_verb = "登记"

    document_number = forms.CharField(label="指标文号", max_length=60, help_text="如 皖财农〔2026〕318号")
    upper_document = forms.CharField(label="上级文号", max_length=60, required=False)
    name = forms.CharField(label="指标说明", max_length=120)
    source = forms.ChoiceField(label="资金来源", choices=Indicator.Source.choices)
    year = forms.IntegerField(label="预算年度", min_value=2000, max_value=2099)
    issued = YuanField(label="下达数（元）", allow_zero=False, help_text="登记后不能修改，登错的作废重登")
    economic_class = forms.CharField(label="政府经济分类", max_length=60, required=False)
    budget_unit = forms.CharField(label="预算单位", max_length=60, required=False)


class AttachForm(HouseForm):
    summary_verb = "挂接"

    policy = forms.ModelChoiceField(label="政策", queryset=Policy.objects.none())
    priority = forms.IntegerField(
        label="优先级", min_value=1, max_value=99, initial=1, help_text="数小的先用；一样的，先登记的先用"
    )

    def __init__(self, *args: Any, policies: QuerySet[Policy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["policy"].queryset = policies  # type: ignore[attr-defined]
