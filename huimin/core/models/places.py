from collections.abc import Iterable
from datetime import date
from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from huimin.core.authority.scope import county_of, subtree_range, town_of
from huimin.core.values.spellings import OTHER_SEPARATORS, joined, names_in


class Level(models.TextChoices):
    PROVINCE = "province", "省"
    CITY = "city", "市"
    COUNTY = "county", "县"
    TOWN = "town", "乡镇"
    VILLAGE = "village", "村"


class DivisionQuerySet(models.QuerySet["Division"]):
    def below(self, code: str) -> Self:
        """The division itself and everything below it."""
        return self.filter(code__range=subtree_range(code))

    def towns(self, county: str) -> Self:
        return self.below(county).filter(level=Level.TOWN)

    def villages(self, root: str) -> Self:
        return self.below(root).filter(level=Level.VILLAGE)

    def names(self, codes: Iterable[str]) -> dict[str, str]:
        """Code to the name that people say (short_name), for those that exist; one query."""
        return {one.code: one.short_name for one in self.filter(pk__in={code for code in codes if code})}

    def titles(self, codes: Iterable[str], *, between: str = "") -> dict[str, str]:
        """Code to town and village, 梅山镇梅山村, or to its own name above them; an unknown code to itself. One query."""
        wanted = set(codes)
        names = self.names(wanted | {town_of(code) for code in wanted})
        lines = {code: dict.fromkeys((town_of(code), code)) for code in wanted}
        return {
            code: between.join(names[one] for one in line if one in names) or code
            for code, line in lines.items()
        }


class Division(models.Model):
    """A place in the five-level tree; the 12-digit code nests by its digits (2-4-6-9-12)."""

    code = models.CharField("区划代码", max_length=12, primary_key=True)
    name = models.CharField("名称", max_length=60)
    level = models.CharField("级次", max_length=8, choices=Level)
    parent = models.ForeignKey(
        "self", models.PROTECT, verbose_name="上级", null=True, related_name="children"
    )
    valid_from = models.DateField("启用日期", null=True)
    valid_to = models.DateField("停用日期", null=True)

    objects = DivisionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "行政区划"
        ordering = ("code",)
        constraints = [
            models.CheckConstraint(
                name="division_code_is_12_digits",
                condition=Q(code__regex=r"^\d{12}$"),
                violation_error_message="区划代码应为 12 位数字。",
            ),
            models.CheckConstraint(
                name="division_dates_in_order",
                condition=Q(valid_to__isnull=True)
                | Q(valid_from__isnull=True)
                | Q(valid_to__gte=models.F("valid_from")),
                violation_error_message="停用日期不能早于启用日期。",
            ),
        ]

    def __str__(self) -> str:
        return self.short_name

    @property
    def short_name(self) -> str:
        """梅山村委会 -> 梅山村, 红河社区居委会 -> 红河社区: as people say it."""
        for ending, said in (("社区居委会", "社区"), ("村委会", "村")):
            if self.name.endswith(ending) and self.name != ending:
                return self.name.removesuffix(ending) + said
        return self.name


class Departments(models.QuerySet["Department"]):
    def of_county(self, code: str) -> Self:
        """Those of the county that a place lies in, and those that stand for the whole installation."""
        return self.filter(Q(county__isnull=True) | Q(county=county_of(code) or code))


class Department(models.Model):
    """An office in charge of policies (主管部门), for example 农业农村局: of one county, or of all where none is given."""

    county = models.ForeignKey(
        Division,
        models.PROTECT,
        verbose_name="所在县",
        null=True,
        blank=True,
        related_name="+",
        help_text="不填就是各县共用",
    )
    code = models.CharField("部门代码", max_length=12)
    name = models.CharField("名称", max_length=60)
    phone = models.CharField("咨询电话", max_length=40, blank=True)

    objects = Departments.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "主管部门"
        ordering = ("code", "id")
        constraints = [
            # two counties have a 农业农村局 each
            models.UniqueConstraint(
                fields=["county", "name"],
                name="department_name_once_per_county",
                nulls_distinct=False,
                violation_error_message="这个县已有同名的部门。",
            ),
            models.UniqueConstraint(
                fields=["county", "code"],
                name="department_code_once_per_county",
                nulls_distinct=False,
                violation_error_message="这个县已有这个部门代码。",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Office(models.Model):
    """A body at a place: 梅山镇财政所, 金寨县民政局, 县财政局国库股, 县纪委监委, 县农商行."""

    class Kind(models.TextChoices):
        VILLAGE = "village", "村（居）委会"
        TOWNSHIP = "township", "乡镇"
        DEPARTMENT = "department", "主管部门"
        FINANCE = "finance", "财政"
        SUPERVISION = "supervision", "监督"
        BANK = "bank", "代发银行"
        ADMINISTRATION = "administration", "系统管理"

    name = models.CharField("名称", max_length=80)
    kind = models.CharField("类别", max_length=16, choices=Kind)
    division = models.ForeignKey(Division, models.PROTECT, verbose_name="所在区划", related_name="offices")
    department = models.ForeignKey(Department, models.PROTECT, verbose_name="主管部门", null=True, blank=True)
    phone = models.CharField("电话", max_length=40, blank=True)
    # code of huimin/core/bankformats: how this bank takes payrolls and answers; a bank with one can be paid through
    bank_format = models.CharField("代发文件格式", max_length=20, blank=True, default="")
    # how else this bank is written in accounts and branches, separated by 、: 金寨农商行、金寨农村商业银行
    bank_names = models.CharField("行名写法", max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = verbose_name_plural = "机构"
        ordering = ("division_id", "name")
        constraints = [
            # two villages of one name have an office each
            models.UniqueConstraint(
                fields=["division", "name"],
                name="office_name_once_per_place",
                violation_error_message="这个地方已有同名的机构。",
            ),
            models.CheckConstraint(
                name="only_banks_have_a_format",
                condition=Q(bank_format="", bank_names="") | Q(kind="bank"),
                violation_error_message="只有代发银行才填代发文件格式和行名写法。",
            ),
            models.CheckConstraint(
                name="bank_names_are_separated",
                condition=~Q(bank_names__regex=OTHER_SEPARATORS),
                violation_error_message="行名写法之间用顿号隔开。",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Other names of a bank are kept one way, count for something, and are no other bank's."""
        names = [one for one in names_in(self.bank_names) if one != self.name]
        self.bank_names = joined(names)
        if self.kind != self.Kind.BANK or not self.division_id:
            return
        if names and not self.bank_format:
            raise ValidationError(
                {
                    "bank_names": "这家银行没有选代发文件格式，不经它代发，行名写法不起作用。请选格式，或把写法清空。"
                }
            )
        if not self.bank_format:
            return
        for other in self._other_banks():
            if same := {self.name, *names} & {other.name, *names_in(other.bank_names)}:
                shown = joined(sorted(same))
                field = "bank_names" if same - {self.name} else "name"
                raise ValidationError({field: f"“{shown}”已是{other}的名称或写法，两家银行不能写成一样。"})

    def _other_banks(self) -> models.QuerySet["Office"]:
        """Those that the same county can pay through."""
        county = subtree_range(county_of(self.division_id) or self.division_id)
        banks = Office.objects.filter(kind=self.Kind.BANK, division__code__range=county).exclude(
            bank_format=""
        )
        return banks.exclude(pk=self.pk)


class BankBranch(models.Model):
    """A branch by its 联行号; `bank` is the bank's name as it is registered under 机构, or one of its other names."""

    code = models.CharField("联行号", max_length=12, unique=True)
    name = models.CharField("行名", max_length=120)
    bank = models.CharField("银行", max_length=60)

    class Meta:
        verbose_name = verbose_name_plural = "银行网点"
        ordering = ("code",)
        constraints = [
            models.CheckConstraint(
                name="bank_branch_code_is_12_digits",
                condition=Q(code__regex=r"^\d{12}$"),
                violation_error_message="联行号应为 12 位数字。",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}-{self.name}"


class CalendarDays(models.QuerySet["CalendarDay"]):
    def over(self, first: date, last: date) -> dict[date, bool]:
        """The calendar of the whole years from that of the one day to that of the other, as workdays takes it."""
        years = (date(first.year, 1, 1), date(last.year, 12, 31))
        return dict(self.filter(day__range=years).values_list("day", "is_workday"))


class CalendarDay(models.Model):
    """A day whose being a work day was announced; days not listed are plain weeks (Monday to Friday)."""

    day = models.DateField("日期", primary_key=True)
    is_workday = models.BooleanField("工作日")
    name = models.CharField("说明", max_length=40, blank=True)

    objects = CalendarDays.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "工作日历"
        ordering = ("day",)

    def __str__(self) -> str:
        return f"{self.day}{'上班' if self.is_workday else '休息'}"
