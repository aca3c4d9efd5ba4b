"""Every button that moves money or decides who gets it: how a person comes to stand in front of it.

A function brings a county to that point and gives the press; `tools` are the test's own fixtures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.test import Client
from django.urls import reverse

from disbursement import services as money
from disbursement.models import Batch, PaymentLine
from disbursement.services import confirming, intake, orders
from huimin.core import clock
from huimin.core.authority.roles import Role
from huimin.core.work import jobs
from recipients.models import Death, Entitlement, HeadChange
from recipients.rules import Votes
from recipients.services import accounts, deaths, entitlements, heads, notices, passing, records, review
from subsidies import services as funds
from tests.clicks.clicking import Press, press
from tests.disbursement import factories as make
from tests.factories import ANYTHING, TOWN, UserFactory
from tests.publicity import factories as open_lists
from tests.recipients import factories as lists
from tests.subsidies import factories as policies

NOTE = {"note": "核对后办理"}


@dataclass(frozen=True)
class Tools:
    """What a button may need beside rows: patches for the length of the test, and the business clock."""

    monkeypatch: object
    move_clock: Callable[[int], None]


@dataclass(frozen=True)
class Button:
    """`step` is the flow's kind and the step's name; `key_alone`: a fresh page may rightly do it again."""

    step: str
    ready: Callable[[Tools], Press]
    key_alone: bool = False
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.step}{'-' if self.variant else ''}{self.variant}"


BUTTONS: list[Button] = []


def button(step, *, key_alone=False, variant=""):
    def register(ready):
        BUTTONS.append(Button(step, ready, key_alone, variant))
        return ready

    return register


def get(name):
    """The button of this name."""
    return next(one for one in BUTTONS if str(one) == name)


# --- policies and indicators -------------------------------------------------------------------------------------------


@button("subsidies.indicator.register")
def _(tools):
    clerk, _checker = policies.people()
    facts = {"document_number": "皖财农〔2026〕1号", "name": "资金", "source": "earmarked", "year": "2026"}
    return press(clerk, "subsidies:indicator-register", **facts, issued="1000.00")


@button("subsidies.indicator.attach")
def _(tools):
    clerk, checker = policies.people()
    policy, made = policies.published(clerk, checker), policies.indicator(clerk, checker)
    return press(clerk, "subsidies:indicator-attach", made.pk, policy=policy.pk, priority="1")


def _indicator(step):
    @button(f"subsidies.indicator.{step}")
    def _(tools):
        clerk, checker = policies.people()
        return press(checker, "subsidies:indicator-step", policies.indicator(clerk).pk, step, **NOTE)


for _step in ("confirm", "refuse"):
    _indicator(_step)


_POLICY_BEFORE = {"publish": ["submit"], "rework": ["submit"], "suspend": ["submit", "publish"]}
_POLICY_BEFORE |= {"submit": [], "resume": ["submit", "publish", "suspend"], "abolish": ["submit", "publish"]}


def _policy(step, before):
    @button(f"subsidies.policy.{step}")
    def _(tools):
        clerk, checker = policies.people()
        policy = policies.draft(clerk)
        for one in before:
            funds.advance_policy(policy.pk, one, actor=clerk if one == "submit" else checker, note="办理")
        actor = clerk if step == "submit" else checker
        return press(actor, "subsidies:policy-step", policy.pk, step, seen="on", **NOTE)


for _step, _before in _POLICY_BEFORE.items():
    _policy(_step, _before)


def _change(step):
    @button(f"subsidies.policychange.{step}")
    def _(tools):
        clerk, checker = policies.people()
        policy = policies.published(clerk, checker)
        change = funds.ask_change(policy, reason="登记错了", actor=clerk, phone="0564-7061234")
        return press(checker, "subsidies:change-step", change.pk, step, **NOTE)


for _step in ("approve", "refuse"):
    _change(_step)


def _version(step):
    @button(f"subsidies.policyversion.{step}")
    def _(tools):
        clerk, checker = policies.people()
        policy = policies.published(clerk, checker)
        facts = policies.version_facts(valid_from=clock.today().replace(month=12, day=31))
        version = funds.add_version(policy, actor=clerk, **facts)
        if step != "submit":
            funds.advance_version(version.pk, "submit", actor=clerk)
        actor = clerk if step == "submit" else checker
        return press(actor, "subsidies:version-step", version.pk, step, **NOTE)


for _step in ("submit", "publish", "rework"):
    _version(_step)


# --- batches and rosters -----------------------------------------------------------------------------------------------


def _batch(here):
    return money.make_batch(here.policy, "2026", actor=here["department"])


@button("disbursement.batch.make")
def _(tools):
    here = make.world(3)
    return press(here["department"], "disbursement:batch-new", policy=here.policy.pk, period="2026", title="")


@button("disbursement.batch.issue")
def _(tools):
    here = make.world(3)
    return press(here["department"], "disbursement:batch-step", _batch(here).pk, "issue")


@button("disbursement.batch.cancel")
def _(tools):
    here = make.world(3)
    return press(here["department"], "disbursement:batch-step", _batch(here).pk, "cancel", **NOTE)


@button("disbursement.batch.take_back")
def _(tools):
    here = make.world(3)
    return press(
        here["department"], "disbursement:batch-step", make.issued_batch(here).pk, "take_back", **NOTE
    )


@button("disbursement.batch.close")
def _(tools):
    here = make.world(3)
    make.returned(here, make.sent_order(here))
    return press(here["finance"], "disbursement:batch-step", Batch.objects.get().pk, "close")


def _roster_at(here, desk):
    """A roster that lies on this desk."""
    roster = make.issued_batch(here).rosters.order_by("-line_count").first()
    for step, who in make.CHAIN:
        roster.refresh_from_db()
        if roster.status == desk:
            return roster
        money.advance_roster(roster.pk, step, actor=here[who])
    return roster


def _roster(step, who, desk):
    @button(f"disbursement.roster.{step}")
    def _(tools):
        here = make.world(3)
        return press(here[who], "disbursement:roster-step", _roster_at(here, desk).pk, step, **NOTE)


_roster("submit", "town", "issued")
_roster("cancel", "department", "issued")
for _step, _who in make.CHAIN[1:]:
    _desk = _step.removeprefix("pass_")
    _roster(_step, _who, _desk)
    _roster(f"rework_{_desk}", _who, _desk)


@button("disbursement.roster.regenerate", key_alone=True)
def _(tools):
    here = make.world(3)
    return press(here["town"], "disbursement:roster-regenerate", _roster_at(here, "issued").pk)


@button("disbursement.line.stop")
def _(tools):
    here = make.world(3)
    make.issued_batch(here)
    line = PaymentLine.objects.order_by("pk").first()
    return press(here["finance"], "disbursement:line-stop", line.pk, reason="本人放弃")


@button("disbursement.stop.lift")
def _(tools):
    here = make.world(3)
    make.issued_batch(here)
    line = PaymentLine.objects.order_by("pk").first()
    money.stop_line(line.pk, reason="点错", actor=here["finance"])
    return press(here["finance"], "disbursement:line-lift", line.pk, reason="核实后应发")


@button("disbursement.batch.supplement")
def _(tools):
    here = make.world(3)
    batch = make.issued_batch(here)
    cancelled, kept = batch.rosters.order_by("pk")
    money.advance_roster(cancelled.pk, "cancel", actor=here["department"], note="点错")
    make.approve(here, kept)
    return press(here["department"], "disbursement:batch-supplement", batch.pk, reason="花名册作废")


@button("disbursement.batch.generate_again")
def _(tools):
    here = make.world(3)
    batch, job = money.issue_batch(_batch(here).pk, actor=here["department"])
    jobs.ask_to_stop(job, actor=here["department"])
    assert jobs.run(job.pk) == "stopped"
    return press(here["department"], "disbursement:batch-generate", batch.pk)


# --- payment orders ----------------------------------------------------------------------------------------------------


@button("disbursement.paymentorder.make")
def _(tools):
    here = make.world(3)
    rosters = make.approved(here, make.issued_batch(here))
    return press(here["order_maker"], "disbursement:order-new", rosters=[one.pk for one in rosters])


def _order(here, *, signed=False):
    order = make.ordered(here, make.issued_batch(here))
    if signed:
        money.sign_order(order.pk, actor=here["treasurer"], whole_yuan=str(int(order.total)))
    return order


@button("disbursement.paymentorder.sign")
def _(tools):
    here = make.world(3)
    order = _order(here)
    typed = {"whole_yuan": str(int(order.total))}
    return press(here["treasurer"], "disbursement:order-step", order.pk, "sign", **typed)


@button("disbursement.paymentorder.cancel")
def _(tools):
    here = make.world(3)
    return press(here["treasurer"], "disbursement:order-step", _order(here).pk, "cancel", **NOTE)


@button("disbursement.paymentorder.cancel", variant="signed")
def _(tools):
    here = make.world(3)
    return press(here["treasurer"], "disbursement:order-step", _order(here, signed=True).pk, "cancel", **NOTE)


@button("disbursement.paymentorder.send")
def _(tools):
    here = make.world(3)
    return press(here["treasurer"], "disbursement:order-step", _order(here, signed=True).pk, "send")


@button("disbursement.paymentorder.send", variant="by a job")
def _(tools):
    tools.monkeypatch.setattr(orders, "LINES_AT_ONCE", 1)
    here = make.world(3)
    return press(here["treasurer"], "disbursement:order-step", _order(here, signed=True).pk, "send")


# --- what the bank answered --------------------------------------------------------------------------------------------


@button("disbursement.returnfile.upload")
def _(tools):
    here = make.world(3)
    answer = make.answer(make.sent_order(here), fail={0})
    return press(here["reconciler"], "disbursement:return-upload", upload=answer)


@button("disbursement.returnfile.upload", variant="by a job")
def _(tools):
    tools.monkeypatch.setattr(intake, "BYTES_AT_ONCE", 1)
    here = make.world(3)
    answer = make.answer(make.sent_order(here), fail={0})
    return press(here["reconciler"], "disbursement:return-upload", upload=answer)


def _uploaded(here):
    taken = money.accept_return(
        make.answer(make.sent_order(here), fail={0}), "r.txt", actor=here["reconciler"]
    )
    return taken.return_file.pk


@button("disbursement.returnfile.confirm")
def _(tools):
    here = make.world(3)
    return press(here["reconciler2"], "disbursement:return-step", _uploaded(here), "confirm")


@button("disbursement.returnfile.confirm", variant="by a job")
def _(tools):
    here = make.world(3)
    pk = _uploaded(here)
    tools.monkeypatch.setattr(confirming, "LINES_AT_ONCE", 1)
    return press(here["reconciler2"], "disbursement:return-step", pk, "confirm")


@button("disbursement.returnfile.refuse")
def _(tools):
    here = make.world(3)
    return press(here["reconciler2"], "disbursement:return-step", _uploaded(here), "refuse", **NOTE)


@button("disbursement.correction.make")
def _(tools):
    here = make.world(3)
    make.returned(here, make.sent_order(here), fail={0})
    failed = PaymentLine.objects.filter(results__kind="bank_failed").values_list("pk", flat=True)
    return press(here["department"], "disbursement:correction-make", lines=list(failed))


def _paid_line(here):
    make.returned(here, make.sent_order(here))
    return PaymentLine.objects.order_by("pk").first()


def _slip(kind):
    return {"kind": kind, "returned_on": str(clock.today()), "bank_reference": "NS1", "reason": "退回"}


@button("disbursement.reversal.ask")
def _(tools):
    here = make.world(3)
    line = _paid_line(here)
    return press(here["reconciler"], "disbursement:reversal-ask", line.pk, **_slip("late_return"))


def _reversal(step, kind, variant=""):
    @button(f"disbursement.reversal.{step}", variant=variant)
    def _(tools):
        here = make.world(3)
        facts = _slip(kind) | {"returned_on": clock.today()}
        asked = money.ask_reversal(_paid_line(here).pk, actor=here["reconciler"], **facts)
        return press(here["reconciler2"], "disbursement:reversal-step", asked.pk, step, **NOTE)


_reversal("approve", "late_return")
_reversal("approve", "voluntary_refund", variant="refund")
_reversal("refuse", "late_return")


# --- who gets it -------------------------------------------------------------------------------------------------------

VOTES = {
    "place": "村部", "host": "李主持", "members": "18", "representatives": "12",
    "present": "15", "agreed": "12", "against": "2", "abstained": "1",
}  # fmt: skip
ALL_LEVELS = {"deliberation": "required", "joint_parties": ["department", "finance", "supervision"]}
# the way of a list: step, and who of lists.chain() takes it
WAY = (
    ("submit", "village"),
    ("deliberate", "village"),
    ("end_village_notice", "village"),
    ("approve_township", "township"),
    ("end_township_notice", "clerk"),
    ("sign_department", "department"),
    ("sign_finance", "finance"),
    ("sign_supervision", "supervisor"),
    ("end_county_notice", "department_clerk"),
)


def _list_before(tools, step):
    """A list on its way, where the next thing to be done is this step."""
    people = lists.chain()
    one = lists.declaration(actor=people["village"], **ALL_LEVELS)
    for name, who in WAY:
        if name.startswith("end_"):
            notices.post_notice(one.pk, place="公开栏", actor=people[who])
            tools.move_clock(8)
        if name == step:
            break
        if name == "deliberate":
            votes = Votes(clock.today(), "村部", "李主持", 18, 12, 15, 12, 2, 1)
            review.deliberate(one.pk, votes, actor=people[who])
        else:
            review.take_step(one.pk, name, actor=people[who])
    return one, people


def _declaration(step, who, before=None, **more):
    @button(f"recipients.declaration.{step}")
    def _(tools):
        one, people = _list_before(tools, before or step)
        return press(
            people[who], "recipients:declaration-step", one.pk, step, held_on=clock.today(), **NOTE, **more
        )


for _step, _who in WAY:
    _declaration(_step, _who, **(VOTES if _step == "deliberate" else {}))


@button("recipients.declaration.return_deliberation")
def _(tools):
    one, people = _list_before(tools, "deliberate")
    votes = Votes(clock.today(), "村部", "李主持", 18, 12, 15, 2, 12, 1)
    review.deliberate(one.pk, votes, actor=people["village"])
    return press(people["village"], "recipients:declaration-step", one.pk, "return_deliberation", **NOTE)


_declaration("return_township", "township", before="approve_township")
_declaration("return_county", "department", before="sign_department")
_declaration("withdraw", "village", before="submit")


def _right():
    one = lists.declaration(**lists.NOTHING)
    review.take_step(one.pk, "submit", actor=one.made_by)
    return Entitlement.objects.order_by("pk").first(), UserFactory(role=Role.DEPARTMENT_REVIEWER)


def _seen(user, address, *args, **asked):
    """What the page showed that person of what comes of these days."""
    client = Client()
    client.force_login(user)
    return lists.seen_on(client.get(reverse(address, args=args), asked))


def _entitlement(step):
    @button(f"recipients.entitlement.{step}")
    def _(tools):
        right, keeper = _right()
        cause = {
            "end": {"happened": "2026-01-05"},
            "suspend": {"kind": "withheld", "first_day": "2026-01-05"},
        }[step]
        seen = _seen(keeper, "recipients:entitlement-step", right.pk, step, **cause)
        return press(keeper, "recipients:entitlement-step", right.pk, step, seen=seen, **NOTE, **cause)


for _step in ("suspend", "end"):
    _entitlement(_step)


def _suspension(step, kind):
    @button(f"recipients.suspension.{step}")
    def _(tools):
        right, keeper = _right()
        pause = lists.suspended(right, kind, date(2026, 1, 5), by=keeper)
        second = UserFactory(role=Role.DEPARTMENT_REVIEWER)
        last_day = {} if step == "correct" else {"last_day": "2026-02-05"}
        if step == "release":
            last_day["seen"] = _seen(second, "recipients:suspension-step", pause.pk, step, **last_day)
        return press(second, "recipients:suspension-step", pause.pk, step, **NOTE, **last_day)


for _step, _kind in {"lift": "withheld", "release": "forfeited", "correct": "withheld"}.items():
    _suspension(_step, _kind)


@button("recipients.ending.correct")
def _(tools):
    right, keeper = _right()
    entitlements.take_step(right.pk, "end", actor=keeper, note="户口迁出", happened=date(2026, 1, 5))
    second = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    return press(second, "recipients:ending-correct", right.endings.get().pk, **NOTE)


CARD = {"kind": "passbook", "number": "10009900000000001", "bank_name": "县农村商业银行", "branch_code": ""}


@button("recipients.accountchange.ask")
def _(tools):
    person = lists.household(1)[0]
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    return press(clerk, "recipients:account-ask", person.pk, holder_name=person.name, reason="换卡", **CARD)


def _account_change(step):
    @button(f"recipients.accountchange.{step}")
    def _(tools):
        reviewer, asked = _asked_for_a_card()
        return press(reviewer, "recipients:change-step", asked.pk, step, number_again=CARD["number"], **NOTE)


for _step in ("approve", "refuse"):
    _account_change(_step)


def _asked_for_a_card():
    person = lists.household(1)[0]
    clerk, reviewer = (
        UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN),
        UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN),
    )
    new = accounts.NewAccount(holder_name=person.name, **CARD)
    return reviewer, accounts.ask_account_change(person.pk, new, reason="换卡", actor=clerk)


PHOTO = b"\x89PNG\r\n\x1a\n a page of the household's book IEND\xaeB`\x82"


def _household_with_a_right():
    """A couple with a right of a 到户 policy, and who asks and who checks in the township."""
    head, wife = lists.household(2)
    chosen = lists.policy(object_type="household", frequency="monthly", is_open_ended=True, **lists.NOTHING)
    book = lists.declaration(chosen, lines=[head], period="2026-01")
    review.take_step(book.pk, "submit", actor=book.made_by)
    posts = (Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER)
    return head, wife, *(UserFactory(role=role, at=TOWN) for role in posts)


def _odd(asked):
    return [one.code for one in heads.doubts_about(asked, passing.plan(asked))]


@button("recipients.headchange.ask")
def _(tools):
    head, wife, clerk, _ = _household_with_a_right()
    given = {"cause": "agreed", "starts_on": "2026-03-10", "reason": "家里商定", f"relation_{head.pk}": "11"}
    asked = HeadChange(household=wife.household, old_head=head, new_head=wife, starts_on=date(2026, 3, 10))
    asked.relations = {str(head.pk): "11"}
    given |= {"acknowledged": _odd(asked)}
    return press(clerk, "recipients:head-ask", wife.pk, upload=PHOTO, **given)


def _head_change(step):
    @button(f"recipients.headchange.{step}")
    def _(tools):
        head, wife, clerk, reviewer = _household_with_a_right()
        new = heads.NewHead("agreed", "家里商定", date(2026, 3, 10), {head.pk: "11"}, PHOTO, ANYTHING)
        asked = heads.ask_head_change(wife.pk, new, actor=clerk)
        seen = passing.seen(passing.plan(asked))
        given = NOTE | {"seen": seen, "acknowledged": _odd(asked)}
        return press(reviewer, "recipients:head-step", asked.pk, step, **given)


for _step in ("approve", "refuse"):
    _head_change(_step)


@button("recipients.death.record")
def _(tools):
    right, _ = _right()
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    return press(clerk, "recipients:person-death", right.beneficiary_id, died_on="2026-01-05")


@button("recipients.death.correct")
def _(tools):
    right, _ = _right()
    first, second = (UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN) for _ in range(2))
    deaths.record_death(right.beneficiary_id, died_on=date(2026, 1, 5), actor=first)
    death = Death.objects.get()
    return press(second, "recipients:death-correct", right.beneficiary_id, death.pk, **NOTE)


@button("recipients.recordpause.pause")
def _(tools):
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    return press(clerk, "recipients:person-pause", lists.household(1)[0].pk, reason="联系不上")


@button("recipients.recordpause.lift")
def _(tools):
    clerk, second = (UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN) for _ in range(2))
    person = lists.household(1)[0]
    pause = records.pause_record(person.pk, reason="联系不上", actor=clerk)
    return press(second, "recipients:pause-step", person.pk, pause.pk, "lift", **NOTE)


@button("recipients.objection.file", key_alone=True)
def _(tools):
    people = lists.chain()
    one = lists.declaration(actor=people["village"], **lists.NOTHING | {"has_village_notice": True})
    review.take_step(one.pk, "submit", actor=people["village"])
    notice = notices.post_notice(one.pk, place="公开栏", actor=people["village"])
    return press(people["village"], "recipients:objection-file", notice.pk, text="多报了面积", contact="")


@button("recipients.declaration.clear")
def _(tools):
    one = lists.declaration()
    return press(one.made_by, "recipients:declaration-clear", one.pk, **NOTE)


@button("recipients.declaration.withdraw_village_notice")
def _(tools):
    people = lists.chain()
    one = lists.declaration(actor=people["village"], **lists.NOTHING | {"has_village_notice": True})
    review.take_step(one.pk, "submit", actor=people["village"])
    notice = notices.post_notice(one.pk, place="公开栏", actor=people["village"])
    return press(people["clerk"], "recipients:notice-withdraw", notice.pk, **NOTE)


# --- what everybody may read of it -------------------------------------------------------------------------------------


@button("publicity.disclosure.publish")
def _(tools):
    here = open_lists.paid_world(3)
    return press(here["department"], "publicity:desk-publish", open_lists.roster_at(here).pk)


@button("publicity.disclosure.withdraw")
def _(tools):
    here = open_lists.published_world(3)
    return press(here["department"], "publicity:desk-withdraw", open_lists.disclosure_at(here).pk, **NOTE)
