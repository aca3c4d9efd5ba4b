"""The demo's county, step by step; every step may be run again and adds only what is missing."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from django.conf import settings

from huimin.core import clock, reference
from huimin.core.models import AuditEvent, BankBranch, Department, Division
from huimin.core.records import audit
from huimin.demo import accounts, people, story
from recipients.models import RegistryImport
from recipients.services import registry_import
from subsidies import catalogue
from subsidies.models import Indicator, Policy
from subsidies.services import indicators

DONE = "demo.seeded"
COUNTY = "341524000000"
DAYS_BACK = 60  # the demo's business began so long ago
_BANKS = ("县农村商业银行", "中国邮政储蓄银行", "中国农业银行")
REGISTRY_FILE = "补贴对象基础信息采集表.xlsx"


@dataclass(frozen=True)
class Plan:
    """What is made: so many households in the county's villages, always the same ones for one `seed`."""

    households: int = 6_000
    seed: int = 1
    county: str = COUNTY
    is_bare: bool = False  # people, policies and money, but no business yet


@dataclass(frozen=True, slots=True)
class Money:
    """An indicator of the demo: the policies that it pays, and 元."""

    document: str
    name: str
    source: str
    issued: Decimal
    policies: tuple[str, ...]


_MONEY = (
    Money(
        "财农〔2026〕12号", "耕地地力保护补贴资金", Indicator.Source.EARMARKED, Decimal(8_000_000), ("NY01",)
    ),
    Money(
        "皖财社〔2026〕31号",
        "困难群众救助补助资金",
        Indicator.Source.EARMARKED,
        Decimal(400_000),
        ("MZ01",),
    ),
    Money(
        "金财社〔2026〕8号",
        "残疾人两项补贴资金",
        Indicator.Source.MATCHING,
        Decimal(100_000),
        ("MZ08", "MZ09"),
    ),
    Money("金财社〔2026〕9号", "高龄津贴资金", Indicator.Source.MATCHING, Decimal(40_000), ("MZ10",)),
    Money(
        "财资环〔2026〕5号",
        "林业生态保护恢复资金",
        Indicator.Source.EARMARKED,
        Decimal(60_000),
        ("LY03", "LY04"),
    ),
    Money(
        "皖财农〔2026〕44号",
        "水库移民后期扶持资金",
        Indicator.Source.EARMARKED,
        Decimal(60_000),
        ("SL01",),
    ),
)


def is_done() -> bool:
    return AuditEvent.objects.filter(action=DONE).exists()


def divisions(plan: Plan) -> str:
    content = (Path(settings.BASE_DIR) / "data" / f"divisions_{plan.county[:6]}.csv").read_bytes()
    done = reference.import_divisions(reference.read_divisions(content), actor=None)
    return f"区划 {done.added + done.changed + done.same} 个"


def calendar(_: Plan) -> str:
    return f"工作日历 {reference.fill_calendar(actor=None)} 天"


def departments_and_banks(_: Plan) -> str:
    with (Path(settings.BASE_DIR) / "data" / "departments.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            Department.objects.get_or_create(county=None, name=row["name"], defaults={"code": row["code"]})
    for code, name in people.BRANCHES:
        bank = next(one for one in _BANKS if one in name)
        BankBranch.objects.get_or_create(code=code, defaults={"name": name, "bank": bank})
    return f"部门 {Department.objects.count()} 个，银行网点 {BankBranch.objects.count()} 个"


def staff(plan: Plan) -> str:
    return f"演示账号 {len(accounts.make_accounts(plan.county))} 个"


def policies(plan: Plan) -> str:
    """The county's list; the versions hold from the year's first day; then the departments get theirs."""
    maker, checker = accounts.find("finance"), accounts.find("finance-check")
    catalogue.load_policies(plan.county, actor=maker)
    first = date(clock.today().year, 1, 1)
    published = catalogue.load_versions(plan.county, valid_from=first, maker=maker, checker=checker)
    accounts.make_accounts(plan.county)
    return f"政策 {Policy.objects.filter(county_code=plan.county).count()} 项，新发布 {len(published)} 项"


def money(plan: Plan) -> str:
    """Indicators registered by one, confirmed by another, and hung onto the policies that they pay."""
    maker, checker = accounts.find("finance"), accounts.find("finance-check")
    known = set(Indicator.objects.filter(county_code=plan.county).values_list("document_number", flat=True))
    for one in _MONEY:
        if one.document in known:
            continue
        indicator = indicators.register_indicator(
            plan.county,
            document_number=one.document,
            name=one.name,
            source=one.source,
            year=clock.today().year,
            issued=one.issued,
            actor=maker,
        )
        indicator = indicators.advance_indicator(indicator.pk, "confirm", actor=checker)
        for policy in Policy.objects.filter(county_code=plan.county, code__in=one.policies):
            indicators.attach_indicator(indicator, policy=policy, actor=maker)
    return f"指标 {len(_MONEY)} 份"


def registry(plan: Plan) -> str:
    """Households taken in through the same import as a department's workbook."""
    actor = accounts.find("civil")
    applied = RegistryImport.objects.filter(county_code=plan.county, status=RegistryImport.Status.APPLIED)
    if applied.exists():
        return "补贴对象已导入"
    made = people.generate_households(plan.seed, _inhabited(plan), plan.households, on=clock.today())
    content = io.BytesIO()
    people.write_registry(content, made, on=clock.today())
    one = registry_import.import_now(content.getvalue(), filename=REGISTRY_FILE, actor=actor)
    return f"农户 {one.household_count} 户，{one.row_count} 人"


def _inhabited(plan: Plan) -> list[people.Village]:
    """Every village of the county; with few households only as many as are filled, those of the story first."""
    found = [people.Village(one.code, one.name) for one in Division.objects.villages(plan.county)]
    if plan.is_bare:
        return found
    first = set(story.villages())
    filled = sorted(found, key=lambda one: one.code not in first)
    filled = filled[: max(len(first), plan.households // story.HOUSEHOLDS_PER_VILLAGE)]
    return [one for one in found if one in filled]


def _story(plan: Plan) -> str:
    if plan.is_bare:
        return "只有基础数据，没有办过业务"
    return story.play(plan.county)


def finish(plan: Plan) -> str:
    """Say that the demo is whole, so that the next start leaves it as it is."""
    audit.record("core.division", action=DONE, actor=None, label="演示数据就绪", division_code=plan.county)
    audit.seal_all()
    return "审计链已封存"


STEPS: tuple[Callable[[Plan], str], ...] = (
    divisions,
    calendar,
    departments_and_banks,
    staff,
    policies,
    money,
    registry,
    _story,
)
