"""The demo's last sixty days: so that every state of every workflow is there, and everybody has something to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import islice

from disbursement import services as money
from disbursement.models import Batch, Roster
from huimin.core import clock
from huimin.core.records import audit
from huimin.core.values.periods import Frequency, Period
from huimin.core.work import clock_control, verbs
from huimin.demo import acts
from huimin.demo.accounts import find
from huimin.demo.acts import GUBEI, MEISHAN
from publicity.services import publishing
from recipients.models import Declaration, Notice, Suspension
from recipients.services import accounts, deaths, entitlements, heads, objections, passing
from subsidies import services
from subsidies.models import Policy

# villages of 梅山镇 and 古碑镇 (from, to) whose lists are confirmed in the first weeks
CONFIRMED = {
    "NY01": ((0, 8), (0, 4)),
    "MZ10": ((0, 6), (0, 3)),
    "LY03": ((0, 3), (0, 2)),
    "SL01": ((2, 4), (1, 2)),
    "MZ08": ((0, 4), (0, 2)),
    "MZ09": ((0, 4), (0, 2)),
    "LY04": ((0, 4), (0, 2)),
    "MZ01": ((9, 11), (0, 1)),
}
# villages of 梅山镇 whose lists of 农村低保 stand at one step each on the last day
UNDER_WAY = (
    "draft", "deliberation", "village_running", "village_over", "objected", "township_review", "township_notice",
    "county_review", "county_notice",
)  # fmt: skip
# so few households in a village of the story, and some list would be empty on the way
HOUSEHOLDS_PER_VILLAGE = 20
_MEISHAN_REACH = max(len(UNDER_WAY), *(here[1] for here, _ in CONFIRMED.values()))
_GUBEI_REACH = max(there[1] for _, there in CONFIRMED.values())
LEAST_HOUSEHOLDS = (_MEISHAN_REACH + _GUBEI_REACH) * HOUSEHOLDS_PER_VILLAGE


def villages() -> list[str]:
    """Codes of the villages whose people the story is about."""
    return MEISHAN.villages(0, _MEISHAN_REACH) + GUBEI.villages(0, _GUBEI_REACH)


class Story:
    """The days in order; `at` sets the business clock to so many days before today."""

    def __init__(self, county: str) -> None:
        self.county = county
        self.start = clock.today()
        self.lists: dict[str, list[Declaration]] = {}
        self.low_income: dict[str, Declaration] = {}

    def at(self, days_ago: int) -> None:
        clock_control.set_shift(timedelta(days=-days_ago))

    def policy(self, code: str) -> Policy:
        return Policy.objects.get(county_code=self.county, code=code)

    def period(self, code: str, months: int = 0) -> str:
        """The year, or a month counted from the first one after the story begins."""
        if self.policy(code).frequency != Frequency.MONTHLY:
            return str(self.start.year)
        when = Period.containing(self.start, Frequency.MONTHLY).next()
        for _ in range(months):
            when = when.next()
        return when.text

    def every(self, act: Callable[[Declaration], None]) -> None:
        for declarations in self.lists.values():
            for one in declarations:
                act(one)

    # --- the first lists, from the village to the entitlement ---

    def declare(self) -> None:
        for code, (here, there) in CONFIRMED.items():
            villages = MEISHAN.villages(*here) + GUBEI.villages(*there)
            made = [acts.declare(self.policy(code), self.period(code), village) for village in villages]
            self.lists[code] = [one for one in made if one]
        self.every(acts.submit)
        self.every(acts.deliberate)
        self.every(acts.post)

    def review_in_town(self) -> None:
        self.every(acts.end_notice)
        self.every(acts.approve_township)
        self.every(acts.post)

    def review_in_county(self) -> None:
        self.every(acts.end_notice)
        self.every(acts.sign)
        self.every(acts.post)

    # --- money for them ---

    def pay_land(self) -> None:
        """耕地地力保护补贴 goes the whole way: paid, some failed, some of these corrected, published."""
        batch = acts.issue(self.policy("NY01"), self.period("NY01"))
        for town in (MEISHAN, GUBEI):
            acts.carry_roster(batch, town)
        self.at(29)
        sent = acts.order(batch)
        self.at(26)
        acts.bank_answers(sent, seed=3, fail="0.08")
        self.at(20)
        self.correct(batch)
        self.at(9)
        for roster in Roster.objects.filter(batch=batch).order_by("division_code")[:1]:
            publishing.publish_disclosure(roster.pk, actor=find("farm"))

    def correct(self, batch: Batch) -> None:
        mended = acts.new_cards(batch, every=2)
        if not mended:
            return
        correction = money.make_correction(batch.pk, line_ids=mended, actor=find("farm"))
        self.at(18)
        for roster in Roster.objects.filter(batch=correction):
            acts.carry_roster(correction, acts.TOWNS[roster.division_code])
        self.at(16)
        sent = acts.order(correction)
        self.at(13)
        acts.bank_answers(sent, seed=5, fail="0")

    def pay_the_old(self) -> None:
        """高龄津贴: the first month is paid, the second waits for a second reconciler."""
        first = acts.issue(self.policy("MZ10"), self.period("MZ10"))
        for town in (MEISHAN, GUBEI):
            acts.carry_roster(first, town)
        sent = acts.order(first)
        self.at(5)
        acts.bank_answers(sent, seed=7, fail="0.05", confirm=False)

    def rosters_at_every_step(self) -> None:
        """One roster at each desk, one order waiting for its signature, one for the bank file, one at the bank."""
        self.at(4)
        for code, (here, there) in {
            "MZ08": ("township_check", "department_handle"),
            "MZ09": ("department_check", "finance_handle"),
            "LY04": ("finance_check", "approved"),
        }.items():
            batch = acts.issue(self.policy(code), self.period(code))
            acts.carry_roster(batch, MEISHAN, here)
            acts.carry_roster(batch, GUBEI, there)
        for code, until in {"LY03": "draft", "SL01": "signed"}.items():
            batch = acts.issue(self.policy(code), self.period(code))
            for roster in Roster.objects.filter(batch=batch):
                acts.carry_roster(batch, acts.TOWNS[roster.division_code])
            acts.order(batch, until)
        self.at(3)
        self.rework(acts.issue(self.policy("MZ10"), self.period("MZ10", 1)))
        money.make_batch(self.policy("MZ01"), self.period("MZ01"), actor=find("civil"))

    def rework(self, batch: Batch) -> None:
        """A roster that the department sent back, and one at the bank's desk since yesterday."""
        roster = acts.carry_roster(batch, MEISHAN, "department_handle")
        money.advance_roster(
            roster.pk,
            "rework_department_handle",
            note="两位老人的住址与登记不符，请核对。",
            actor=find("civil"),
        )
        acts.carry_roster(batch, GUBEI)
        self.at(2)
        acts.order(batch)

    # --- lists under way today ---

    def begin_low_income(self) -> None:
        villages = MEISHAN.villages(0, len(UNDER_WAY))
        for step, village in zip(UNDER_WAY, villages, strict=True):
            made = acts.declare(self.policy("MZ01"), self.period("MZ01", 1), village)
            if made:
                self.low_income[step] = made
        for step, one in self.low_income.items():
            if step != "draft":
                acts.submit(one)
            if step not in {"draft", "deliberation"}:
                acts.deliberate(one)
            if step not in {"draft", "deliberation", "village_running"}:
                acts.post(one)

    def sowing(self) -> None:
        """实际种粮农民一次性补贴: a round is opened for what was sown, and one village has begun its list."""
        policy = self.policy("NY03")
        opened = services.open_round(policy, title="秋种面积核定", day=clock.today(), actor=find("farm"))
        self.lists["NY03"] = [
            made
            for village in MEISHAN.villages(0, 1)
            if (made := acts.declare(policy, opened.period.text, village))
        ]

    def low_income_to_town(self) -> None:
        for step in ("township_review", "township_notice", "county_review", "county_notice"):
            acts.end_notice(self.low_income[step])
        for step in ("township_notice", "county_review", "county_notice"):
            acts.approve_township(self.low_income[step])
        for step in ("county_review", "county_notice"):
            acts.post(self.low_income[step])

    def low_income_today(self) -> None:
        for step in ("county_review", "county_notice"):
            acts.end_notice(self.low_income[step])
        acts.sign(self.low_income["county_review"], ["department"])
        acts.sign(self.low_income["county_notice"])
        for step in ("village_running", "township_notice", "county_notice"):
            acts.post(self.low_income[step])
        objected = Notice.objects.filter(declaration=self.low_income["objected"]).latest("pk")
        objections.file_objection(objected, "名单里有一户家里有小汽车，请核实。", "请到村里找我")

    def small_things(self) -> None:
        """A card change that waits for a second person, rights that were suspended: withheld, and forfeited."""
        batch = Batch.objects.filter(policy__code="NY01", kind="regular").latest("pk")
        line = Roster.objects.filter(batch=batch).order_by("division_code")[0].lines.order_by("line_no")[3]
        payee = acts.payee_of(line)
        if not payee.account_changes.filter(status="asked").exists():
            accounts.ask_account_change(
                payee.pk, acts.card_for(line, 9), reason="社保卡到期换卡", actor=find("town1")
            )
        waiting = self.lists["MZ09"][0].lines.order_by("line_no")[0].entitlement_versions.get().entitlement
        verbs.advance(
            audit.subject_of(waiting), "suspend", actor=find("town1-review"), note="残疾证到期，等本人换证。"
        )
        jailed = self.lists["MZ10"][0].lines.order_by("line_no")[0].entitlement_versions.get().entitlement
        entitlements.take_step(
            jailed.pk,
            "suspend",
            actor=find("civil-review"),
            note="入狱服刑，法院判决书已收。",
            kind=Suspension.Kind.FORFEITED,
            first_day=clock.today(),
        )

    def heads_of_households(self) -> None:
        """A widow who has become head and taken over the family's allowance, and a change that waits."""
        (head, widow), (_, son) = islice(acts.families("MZ01"), 2)
        town = acts.town_of(head.division_code)
        deaths.record_death(head.pk, died_on=clock.today() - timedelta(days=40), actor=find(town.clerk))
        change = acts.ask_for_head(widow, "died", "原户主病故，户口本已变更")
        odd = [one.code for one in heads.doubts_about(change, passing.plan(change))]
        heads.check_head_change(change.pk, "approve", actor=find(town.reviewer), acknowledged=odd)
        acts.ask_for_head(son, "agreed", "原户主年老，家里商定由他当户主")


def play(county: str) -> str:
    """Sixty days of the county, ending today."""
    story = Story(county)
    story.declare()
    story.at(51)
    story.review_in_town()
    story.at(42)
    story.review_in_county()
    story.at(33)
    story.every(acts.end_notice)
    story.pay_land()
    story.at(24)
    story.begin_low_income()
    story.at(14)
    story.low_income_to_town()
    story.sowing()
    story.at(8)
    story.pay_the_old()
    story.rosters_at_every_step()
    story.at(1)
    story.low_income_today()
    story.small_things()
    story.heads_of_households()
    lists, batches = Declaration.objects.count(), Batch.objects.count()
    return f"业务：申报册 {lists} 册，批次 {batches} 个"
