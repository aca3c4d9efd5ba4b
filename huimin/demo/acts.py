"""What people of the demo do, each through the service behind their page."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from disbursement import services as money
from disbursement.models import Batch, PaymentLine, PaymentOrder, PaymentResult, ReturnFile, Roster
from disbursement.queries import with_free_lines
from disbursement.states import ROSTER_FLOW
from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.roles import Role
from huimin.core.authority.steps import Step
from huimin.core.bankformats.registry import get_format
from huimin.core.bankformats.simulator import simulate_return
from huimin.core.errors import Refused
from huimin.core.models import Division, Job
from huimin.core.records import files
from huimin.core.values.doubts import Doubtful
from huimin.core.work import jobs
from huimin.demo.accounts import find
from huimin.demo.people import luhn_digit
from recipients.files.declaration import LineInput
from recipients.models import Declaration, Entitlement, HeadChange, Person
from recipients.rules import Votes
from recipients.services import accounts, declarations, heads, notices, review
from subsidies.models import Policy


@dataclass(frozen=True, slots=True)
class Town:
    """A township with people who work in it."""

    code: str
    clerk: str
    reviewer: str
    staffed: str  # the village with an account of its own, the first of the town in the story

    def villages(self, first: int, last: int) -> list[str]:
        codes = Division.objects.villages(self.code).order_by("code").values_list("code", flat=True)
        return sorted(codes, key=lambda code: (code != self.staffed, code))[first:last]


MEISHAN = Town("341524100000", "town1", "town1-review", "341524100200")
GUBEI = Town("341524105000", "town2", "town2-review", "341524105200")
TOWNS = {town.code: town for town in (MEISHAN, GUBEI)}
DEPARTMENT = {"NY": "farm", "MZ": "civil", "LY": "forest", "SL": "water"}
SIGNERS = {"department": "{}-review", "finance": "finance-check", "supervision": "supervisor"}
_OLD, _GROWN = 80, 18


def town_of(code: str) -> Town:
    return TOWNS[scope.town_of(code)]


def department_of(policy: Policy) -> str:
    return DEPARTMENT[policy.code[:2]]


# --- who is on a list --------------------------------------------------------------------------------------------------


def candidates(code: str, village: str, year: int) -> Iterator[tuple[Person, str, dict[str, str]]]:
    """People of a village whom a policy means, with quantity and facts; always the same ones."""
    chance = random.Random(f"{code}{village}")  # noqa: S311 -- invented facts that must repeat themselves
    people = Person.objects.filter(division_code=village).defer("id_number", "phone").order_by("id")
    if code in {"NY01", "NY03", "LY03"}:
        for person in people.filter(is_holder=True):
            if code != "LY03" or chance.random() < 0.5:
                yield person, f"{chance.randrange(150, 1800) / 100:.2f}", {}
    elif code == "MZ01":
        yield from _poor_families(people, chance)
    elif code == "MZ10":
        for person in people.filter(birth_date__lte=date(year - _OLD, 1, 1)):
            yield person, "1", {}
    else:
        yield from _some_adults(code, list(people.filter(birth_date__lte=date(year - _GROWN, 1, 1))), chance)


def _poor_families(
    people: Iterable[Person], chance: random.Random
) -> Iterator[tuple[Person, str, dict[str, str]]]:
    holders = [person for person in people if person.is_holder]
    for person in [one for one in holders if one.is_low_income] or holders[:2]:
        members = chance.randrange(1, 4)
        yield person, "1", {"members": str(members), "income": str(chance.randrange(180, 620) * members)}


def _some_adults(
    code: str, adults: list[Person], chance: random.Random
) -> Iterator[tuple[Person, str, dict[str, str]]]:
    share = {"MZ08": 20, "MZ09": 30, "SL01": 6, "LY04": 40}[code]
    for person in adults[::share]:
        facts = {"grade": chance.choice(["一级", "二级"])} if code in {"MZ08", "MZ09"} else {}
        yield person, "1", facts


# --- the review --------------------------------------------------------------------------------------------------------


def declare(policy: Policy, period: str, village: str) -> Declaration | None:
    """A list compiled by the township's clerk; None where nobody in the village is meant."""
    clerk = find(town_of(village).clerk)
    lines = [
        LineInput(row, person.name, bytes(person.id_key), "", Decimal(quantity), facts)
        for row, (person, quantity, facts) in enumerate(
            candidates(policy.code, village, clock.today().year), start=2
        )
    ]
    if not lines:
        return None
    made = declarations.make_declaration(policy, period=period, division_code=village, actor=clerk)
    declarations.load_lines(made.pk, lines, actor=clerk)
    return made


def submit(one: Declaration) -> None:
    review.take_step(one.pk, "submit", actor=find(town_of(one.division_code).clerk))


def deliberate(one: Declaration) -> None:
    """The villagers' meeting, where the policy asks for one."""
    one.refresh_from_db()
    if one.status == "deliberation":
        votes = Votes(
            held_on=clock.today(), place="村委会会议室", host="桂明霞", members=21, representatives=15, present=18, agreed=16, against=1,
            abstained=1, conclusion="名单属实，同意上报。",
        )  # fmt: skip
        review.deliberate(one.pk, votes, actor=find(town_of(one.division_code).clerk))


_POSTERS = {"village_notice": "村务公开栏", "township_notice": "镇政府公示栏", "county_notice": "县政府网站"}


def post(one: Declaration) -> None:
    """Hang out the notice of the level that the list has reached; some policies do without one."""
    one.refresh_from_db()
    if one.status not in _POSTERS:
        return
    notices.post_notice(one.pk, place=_POSTERS[one.status], actor=find(_keeper(one)))


def end_notice(one: Declaration) -> None:
    one.refresh_from_db()
    if one.status not in _POSTERS:
        return
    review.take_step(one.pk, f"end_{one.status}", actor=find(_keeper(one)))


def _keeper(one: Declaration) -> str:
    return department_of(one.policy) if one.status == "county_notice" else town_of(one.division_code).clerk


def approve_township(one: Declaration) -> None:
    one.refresh_from_db()
    if one.status != "township_review":
        return
    review.take_step(one.pk, "approve_township", actor=find(town_of(one.division_code).reviewer))


def sign(one: Declaration, parties: Iterable[str] = ()) -> None:
    """The offices of the joint review sign; all of the policy's, or only those named."""
    one.refresh_from_db()
    if one.status != "county_review":
        return
    for party in list(parties) or one.version.joint_parties:
        signer = SIGNERS[party].format(department_of(one.policy))
        review.take_step(one.pk, f"sign_{party}", actor=find(signer))


# --- households --------------------------------------------------------------------------------------------------------


def families(code: str) -> Iterator[tuple[Person, Person]]:
    """Heads with a right under this policy, each with another grown member of the household."""
    rights = Entitlement.objects.filter(policy__code=code, status="active", beneficiary__is_holder=True)
    rights = rights.exclude(beneficiary__entitlements__status="suspended")
    for right in rights.select_related("beneficiary").order_by("pk"):
        head = right.beneficiary
        grown = Person.objects.filter(
            household=head.household_id, is_holder=False, birth_date__lte=date(clock.today().year - 20, 1, 1)
        )
        if other := grown.order_by("pk").first():
            yield head, other


def ask_for_head(new: Person, cause: str, reason: str) -> HeadChange:
    """The township's clerk asks; of a death the day is known already."""
    members = heads.members_of(new.household_id).exclude(pk=new.pk)
    day = None if cause == HeadChange.Cause.DIED else clock.today()
    wanted = heads.NewHead(cause, reason, day, {one.pk: "97" for one in members}, photograph())
    clerk = find(town_of(new.division_code).clerk)
    try:
        return heads.ask_head_change(new.pk, wanted, actor=clerk)
    except Doubtful as odd:
        meant = replace(wanted, acknowledged=[one.code for one in odd.doubts])
        return heads.ask_head_change(new.pk, meant, actor=clerk)


def photograph(width: int = 480, height: int = 320) -> bytes:
    """A grey PNG: the demo has no papers of anybody."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    rows = zlib.compress((b"\0" + b"\xd8" * width) * height)
    parts = (chunk(b"IHDR", size + bytes((8, 0, 0, 0, 0))), chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# --- the money ---------------------------------------------------------------------------------------------------------


def finished(job: Job) -> None:
    """Do a job here and now, as a worker would."""
    jobs.run(job.pk)
    job.refresh_from_db()
    if job.state != Job.State.DONE:
        raise Refused(f"{job.title}：{job.message}")


def issue(policy: Policy, period: str) -> Batch:
    clerk = find(department_of(policy))
    batch = money.make_batch(policy, period, actor=clerk)
    batch, job = money.issue_batch(batch.pk, actor=clerk)
    finished(job)
    return batch


def _checker(step: Step, roster: Roster) -> str:
    """Who of the demo sits at the desk that takes this step."""
    department = department_of(roster.policy)
    desks = {
        Role.TOWNSHIP_CLERK: town_of(roster.division_code).clerk,
        Role.TOWNSHIP_REVIEWER: town_of(roster.division_code).reviewer,
        Role.DEPARTMENT_CLERK: department,
        Role.DEPARTMENT_REVIEWER: f"{department}-review",
        Role.FINANCE_CLERK: "finance",
        Role.FINANCE_CHECKER: "finance-check",
    }
    (role,) = step.roles
    return desks[Role(role)]


def carry_roster(batch: Batch, town: Town, until: str = "approved") -> Roster:
    """The township's clerk submits the roster, then one checker after the other, up to a status."""
    roster = Roster.objects.filter(batch=batch, division_code=town.code).first()
    if roster is None:
        raise Refused(f"演示数据里{batch}在{town.code}没有人可发，请加大 --households 或换一个 --seed。")
    while roster.status != until:
        step = next(one for one in ROSTER_FLOW.steps if roster.status in one.sources and not one.needs_note)
        money.advance_roster(roster.pk, step.name, actor=find(_checker(step, roster)))
        roster.refresh_from_db()
    return roster


def order(batch: Batch, until: str = "sent") -> PaymentOrder:
    """The finance clerk gathers the batch's approved rosters; the treasury signs and sends."""
    rosters = with_free_lines(Roster.objects.filter(batch=batch, status="approved"))
    (made,) = money.make_orders([one.pk for one in rosters], actor=find("finance"), cross_bank=True)
    treasurer = find("treasury2")
    if until in {"signed", "sent"}:
        made = money.sign_order(made.pk, actor=treasurer, whole_yuan=str(int(made.total)))
    if until == "sent":
        made = money.send_order(made.pk, actor=treasurer)
    return made


def bank_answers(one: PaymentOrder, *, seed: int, fail: str, confirm: bool = True) -> ReturnFile:
    """The stand-in bank answers; one reconciler uploads, another confirms."""
    payroll = files.read(one.bank_file.file)
    answer = simulate_return(
        payroll,
        seed=seed,
        fail_rate=Decimal(fail),
        date=f"{clock.today():%Y%m%d}",
        bank=get_format(one.bank_format),
    )
    taken = money.accept_return(answer, f"回盘{one.number}.txt", actor=find("reconcile1")).return_file
    return money.confirm_return(taken.pk, actor=find("reconcile2")) if confirm else taken


def new_cards(batch: Batch, *, every: int) -> list[int]:
    """Payees of some failed lines bring a new card, approved by a second person; returns those lines."""
    failed = PaymentResult.objects.filter(kind="bank_failed", line__roster__batch=batch).order_by("line_id")
    mended = []
    for number, line_id in enumerate(failed.values_list("line_id", flat=True)):
        if number % every == 0:
            line = PaymentLine.objects.get(pk=line_id)
            _new_card(line, number)
            mended.append(line_id)
    return mended


def payee_of(line: PaymentLine) -> Person:
    return Person.objects.get(pk=line.payee_id)


def card_for(line: PaymentLine, number: int) -> accounts.NewAccount:
    """A new card of the line's payee, with a right check digit."""
    head = f"621777{line.pk:08d}{number:04d}"
    return accounts.NewAccount(
        kind="card",
        holder_name=line.payee_name,
        number=head + luhn_digit(head),
        bank_name=line.bank_name,
        branch_code=line.branch_code,
    )


def _new_card(line: PaymentLine, number: int) -> None:
    town, payee = town_of(line.division_code), payee_of(line)
    if payee.account_changes.exists():
        return
    asked = accounts.ask_account_change(
        payee.pk, card_for(line, number), reason="旧卡已换新，本人持身份证办理", actor=find(town.clerk)
    )
    accounts.check_account_change(asked.pk, "approve", number_again=asked.number, actor=find(town.reviewer))
