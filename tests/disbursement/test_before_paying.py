"""What an order is asked before money is frozen, at the signature and before the file is written."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from disbursement import proofs, services
from disbursement.models import BankFile, PaymentLine, PaymentOrder, PaymentResult
from disbursement.services import confirming, orders
from huimin.core import crypto
from huimin.core.authority.roles import Role
from huimin.core.errors import StepForbidden, StepRefused
from huimin.core.models import Job
from huimin.core.work import jobs
from recipients.models import Account, Death, Entitlement, Person
from recipients.services import accounts
from subsidies import services as funds
from tests.disbursement import factories as make
from tests.disbursement.test_pages import page_of
from tests.factories import ANYTHING, UserFactory
from tests.recipients import factories as lists
from tests.recipients.factories import another_account, approved_change

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return make.world(4)


def run_sql(sql, params=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


# --- what changed since the submission -------------------------------------------------------------------------------


def suspended(line):
    lists.suspended(Entitlement.objects.get(pk=line.entitlement_id))


def ended(line):
    lists.ended(Entitlement.objects.get(pk=line.entitlement_id), date(2025, 12, 31))


def dead(line):
    # registered without what deaths.record_death ends, so that the order has to see it by itself
    one = Person.objects.get(pk=line.beneficiary_id)
    place = {"county_code": one.county_code, "division_code": one.division_code}
    Death.objects.create(
        person=one, died_on=date(2025, 12, 31), recorded_by=UserFactory(role=Role.TOWNSHIP_CLERK), **place
    )
    Person.objects.filter(pk=line.beneficiary_id).update(died_on=date(2025, 12, 31))


def closed(line):
    Account.objects.filter(person_id=line.beneficiary_id).update(is_active=False)


def new_card(line):
    clerk, checker = UserFactory(role=Role.TOWNSHIP_CLERK), UserFactory(role=Role.TOWNSHIP_REVIEWER)
    new = accounts.NewAccount(
        "card", "李四", "6230910000000009999", "金寨农村商业银行", holder_relation="弟弟"
    )
    asked = accounts.ask_account_change(line.beneficiary_id, new, reason="旧卡被盗", actor=clerk)
    accounts.check_account_change(
        asked.pk, "approve", number_again=new.number, actor=checker, acknowledged=ANYTHING
    )


CHANGES = {
    suspended: "享受资格已暂停",
    ended: "享受资格已终止",
    dead: "已登记死亡",
    closed: "没有在用的银行账户",
    new_card: "已换卡",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
def test_an_order_is_refused_with_the_lines_that_changed_until_they_are_stopped(here, change):
    rosters = make.approved(here, make.issued_batch(here))
    line = PaymentLine.objects.order_by("pk").first()
    change(line)
    chosen = [one.pk for one in rosters]
    named = rf"第 {line.line_no} 行{line.beneficiary_name}（.*{CHANGES[change]}.*停发这些行"
    with pytest.raises(StepRefused, match=named):
        make.make_order(chosen, actor=here["order_maker"])
    services.stop_line(line.pk, reason="送审以后变了", actor=here["town"])
    assert make.make_order(chosen, actor=here["order_maker"]).line_count == 3


@pytest.mark.parametrize("step", ["sign", "send"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
def test_signature_and_sending_are_refused_after_a_change(here, change, step):
    order = make.ordered(here, make.issued_batch(here))
    if step == "send":
        services.sign_order(order.pk, actor=here["treasurer"])
    change(PaymentLine.objects.order_by("pk").first())
    with pytest.raises(StepRefused, match=rf"{CHANGES[change]}.*退回支付申请，停发这些行"):
        services.advance_order(order.pk, step, actor=here["treasurer"])
    assert not BankFile.objects.exists()


def test_a_new_card_is_paid_after_stop_and_supplement(here):
    batch = make.issued_batch(here)
    rosters = make.approved(here, batch)
    line = PaymentLine.objects.order_by("pk").first()
    new_card(line)
    services.stop_line(line.pk, reason="已换卡", actor=here["town"])
    services.lift_stop(line.pk, reason="发到新卡", actor=here["department"])
    make.make_order([one.pk for one in rosters], actor=here["order_maker"])
    made = services.make_supplement(batch.pk, reason="换卡", actor=here["department"])
    made, job = services.issue_batch(made.pk, actor=here["department"])
    assert jobs.run(job.pk) == "done"
    order = make.sent_order(here, made)
    assert [one.account for one in make.payroll(order).lines] == ["6230910000000009999"]


def test_a_policy_that_is_not_in_force_pays_nothing(here):
    checker = UserFactory(role=Role.FINANCE_CHECKER)
    rosters = make.approved(here, make.issued_batch(here))
    chosen = [one.pk for one in rosters]

    def turn(step):
        funds.advance_policy(here.policy.pk, step, actor=checker, note="上级要求")

    turn("suspend")
    with pytest.raises(StepRefused, match=r"已暂停.*不能支付"):
        make.make_order(chosen, actor=here["order_maker"])
    turn("resume")
    order = make.make_order(chosen, actor=here["order_maker"])
    turn("suspend")
    with pytest.raises(StepRefused, match=r"已暂停.*不能支付"):
        services.sign_order(order.pk, actor=here["treasurer"])
    turn("resume")
    services.sign_order(order.pk, actor=here["treasurer"])
    turn("suspend")
    with pytest.raises(StepRefused, match=r"已暂停.*不能支付"):
        services.send_order(order.pk, actor=here["treasurer"])


def abolish(here):
    checker = UserFactory(role=Role.FINANCE_CHECKER)
    funds.advance_policy(here.policy.pk, "abolish", actor=checker, note="到期废止")


def test_what_failed_before_a_policy_was_abolished_is_corrected_paid_and_settled(here):
    batch = make.batch_of(make.returned(here, make.sent_order(here), fail={0}).order)
    abolish(here)
    correction = services.make_correction(batch.pk, actor=here["department"])
    order = make.sent_order(here, correction)
    make.returned(here, order)
    order.refresh_from_db()
    assert order.status == "settled"


def test_an_order_under_way_goes_on_when_its_policy_is_abolished(here):
    order = make.ordered(here, make.issued_batch(here))
    abolish(here)
    services.sign_order(order.pk, actor=here["treasurer"], whole_yuan=str(int(order.total)))
    assert services.send_order(order.pk, actor=here["treasurer"]).status == "sent"


def test_a_card_changed_after_the_policy_was_abolished_is_paid_by_a_supplement(here):
    batch = make.issued_batch(here)
    make.approved(here, batch)
    line = PaymentLine.objects.order_by("pk").first()
    abolish(here)
    services.stop_line(line.pk, reason="换卡", actor=here["order_maker"])
    services.lift_stop(line.pk, reason="已换卡", actor=here["department"])
    made = services.make_supplement(batch.pk, reason="换卡", actor=here["department"])
    _, job = services.issue_batch(made.pk, actor=here["department"])
    assert jobs.run(job.pk) == "done"
    assert make.lines_of(made).count() == 1


def test_nobody_is_listed_anew_under_an_abolished_policy(here):
    batch = services.make_batch(here.policy, "2026", actor=here["department"])
    abolish(here)
    with pytest.raises(StepRefused, match="批次不能再下达"):
        services.issue_batch(batch.pk, actor=here["department"])


def test_abolishing_shows_what_is_under_way_and_wants_to_know_that_it_was_seen(here):
    order = make.sent_order(here)
    make.returned(here, order, fail={0}, leave_out={1})
    checker = page_of(UserFactory(role=Role.FINANCE_CHECKER))
    panel = reverse("disbursement:policy-unfinished", args=[here.policy.pk])
    page = checker.get(reverse("subsidies:policy-detail", args=[here.policy.pk]))
    assert panel in page.content.decode()
    told = checker.get(panel).content.decode()
    assert "支付申请还没有办结" in told
    assert "失败的钱还没有更正" in told
    url = reverse("subsidies:policy-step", args=[here.policy.pk, "abolish"])
    form = {"note": "到期废止", "action_key": str(uuid4())}
    assert "看过以后打勾" in checker.post(url, form).content.decode()
    here.policy.refresh_from_db()
    assert here.policy.status == "published"
    checker.post(url, form | {"seen": "on"})
    here.policy.refresh_from_db()
    assert here.policy.status == "abolished"


def test_order_pages_list_the_lines_that_changed(here):
    batch = make.issued_batch(here)
    make.approved(here, batch)
    line = PaymentLine.objects.order_by("pk").first()
    new_card(line)
    link = reverse("disbursement:line-detail", args=[line.pk])
    assert link in page_of(here["order_maker"]).get(reverse("disbursement:order-new")).content.decode()
    another_account(Person.objects.get(pk=line.beneficiary_id), number=line.account_number)
    order = make.make_order(list(batch.rosters.values_list("pk", flat=True)), actor=here["order_maker"])
    suspended(line)
    page = page_of(here["treasurer"]).get(reverse("disbursement:order-detail", args=[order.pk]))
    assert link in page.content.decode()


# --- whose account it is ---------------------------------------------------------------------------------------------


def thiefs_account(here):
    """Approved under the victim's key, with the ciphertext of another's account."""
    victim, thief = here.people[:2]
    change = approved_change(victim)
    Account.objects.filter(person=victim).update(is_active=False)
    mine = Account.objects.get(person=thief)
    mine.pk, mine.person, mine.change, mine.number_key = None, victim, change, change.number_key
    mine.holder_name = victim.name
    mine.save()


def thiefs_number(here):
    """Registered under a number of its own, with the ciphertext of another's."""
    one = Person.objects.get(pk=here.people[1].pk)
    one.pk, one.is_holder, one.name = None, False, f"{one.name}二"
    one.id_key = crypto.blind_index("id_number", "nobody's")
    one.save()
    make.account(one)
    make.entitle(here.books[one.division_code], one)


SWAPS = {"账号": thiefs_account, "身份证号": thiefs_number}


@pytest.mark.parametrize("word", SWAPS)
def test_another_persons_number_under_the_same_key_reaches_no_file(here, word):
    SWAPS[word](here)
    order = make.ordered(here, make.issued_batch(here))
    services.sign_order(order.pk, actor=here["treasurer"])
    with pytest.raises(StepRefused, match=rf"花名册第 \d 行收款人的{word}与审核时的不符"):
        services.send_order(order.pk, actor=here["treasurer"])
    assert not BankFile.objects.exists()


def test_prove_finds_lines_and_files_in_order_when_nothing_was_swapped(here):
    order = make.sent_order(here)
    make.returned(here, order, fail={0}, pending={1})
    for check in (proofs.private_values_match_keys, proofs.bank_files, proofs.return_files):
        assert check()[1] == []


# --- what the bank said ----------------------------------------------------------------------------------------------

ADD = """INSERT INTO disbursement_returnline (return_file_id, line_no, payment_line_id, outcome, reason, bank_code,
            bank_words, question) VALUES (%s, 999, %s, 'paid', '', '', '', '')"""


def short_answer(here):
    """An uploaded file that is silent about one line, and that line."""
    order = make.sent_order(here)
    taken = services.accept_return(make.answer(order, leave_out={0}), "r.txt", actor=here["reconciler"])
    told = taken.return_file.lines.values("payment_line_id")
    return taken.return_file, PaymentLine.objects.exclude(pk__in=told).get()


def test_no_line_is_added_to_an_uploaded_return_file(here):
    found, silent = short_answer(here)
    with pytest.raises(DatabaseError, match="回盘明细与上传时的笔数、金额不符"), transaction.atomic():
        run_sql(ADD, [found.pk, silent.pk])


def test_a_return_files_lines_come_at_once_and_as_counted(here):
    found, silent = short_answer(here)
    services.confirm_return(found.pk, actor=here["reconciler2"])
    with pytest.raises(DatabaseError, match="回盘明细与上传时的笔数、金额不符"), transaction.atomic():
        run_sql(ADD, [found.pk, silent.pk])


# --- jobs that find another state than they were asked for -------------------------------------------------------------


def test_a_confirmation_that_waits_fails_when_the_file_was_refused(here, monkeypatch):
    found, _ = short_answer(here)
    monkeypatch.setattr(confirming, "LINES_AT_ONCE", 1)
    services.confirm_return(found.pk, actor=here["reconciler2"])
    job = Job.objects.latest("pk")
    services.refuse_return(found.pk, actor=here["reconciler2"], note="金额不对")
    assert jobs.run(job.pk) == "failed"
    job.refresh_from_db()
    assert "已被退回，没有入账" in job.message
    assert not PaymentResult.objects.exists()


def test_a_confirmation_that_waits_fails_when_another_person_was_quicker(here, monkeypatch):
    found, _ = short_answer(here)
    monkeypatch.setattr(confirming, "LINES_AT_ONCE", 1)
    services.confirm_return(found.pk, actor=here["reconciler2"])
    job = Job.objects.latest("pk")
    confirming.apply_return(found.pk, actor=UserFactory(role=Role.RECONCILER))
    assert jobs.run(job.pk) == "failed"
    job.refresh_from_db()
    assert "已由别人确认入账" in job.message


def test_a_job_that_finds_its_own_work_done_ends_well(here, monkeypatch):
    found, _ = short_answer(here)
    monkeypatch.setattr(confirming, "LINES_AT_ONCE", 1)
    services.confirm_return(found.pk, actor=here["reconciler2"])
    job = Job.objects.latest("pk")
    confirming.apply_return(found.pk, actor=here["reconciler2"])
    assert jobs.run(job.pk) == "done"
    assert PaymentResult.objects.count() == 3


def test_a_sending_that_waits_fails_when_the_order_was_cancelled(here, monkeypatch):
    order = make.ordered(here, make.issued_batch(here))
    services.sign_order(order.pk, actor=here["treasurer"])
    monkeypatch.setattr(orders, "LINES_AT_ONCE", 1)
    services.send_order(order.pk, actor=here["treasurer"])
    job = Job.objects.latest("pk")
    services.cancel_order(order.pk, actor=here["treasurer"], note="退回")
    assert jobs.run(job.pk) == "failed"
    job.refresh_from_db()
    assert "已作废" in job.message
    assert "没有生成代发文件" in job.message
    assert PaymentOrder.objects.get().sent_at is None


# --- generation that ended early ---------------------------------------------------------------------------------------


def stopped_generation(here):
    batch = services.make_batch(here.policy, "2026", actor=here["department"])
    batch, job = services.issue_batch(batch.pk, actor=here["department"])
    jobs.ask_to_stop(job, actor=here["department"])
    assert jobs.run(job.pk) == "stopped"
    return batch


def test_a_generation_that_was_stopped_goes_on_from_the_batch_page(here):
    batch = stopped_generation(here)
    client = page_of(here["department"])
    page = client.get(reverse("disbursement:batch-detail", args=[batch.pk]))
    assert "继续生成花名册" in page.content.decode()
    data = {"action_key": page.context["action_key"]}
    client.post(reverse("disbursement:batch-generate", args=[batch.pk]), data)
    job = Job.objects.latest("pk")
    assert jobs.run(job.pk) == "done"
    assert make.lines_of(batch).count() == 4


def test_a_generation_that_died_three_times_can_be_started_again(here):
    batch = services.make_batch(here.policy, "2026", actor=here["department"])
    batch, job = services.issue_batch(batch.pk, actor=here["department"])
    past = timezone.now() - timedelta(seconds=1)
    Job.objects.filter(pk=job.pk).update(state="running", attempts=jobs.MAX_ATTEMPTS, lease_until=past)
    assert jobs.run(job.pk) == "failed"
    again = services.generate_again(batch.pk, actor=here["department"])
    assert (again.pk != job.pk, jobs.run(again.pk)) == (True, "done")


def test_generation_starts_again_only_where_it_ended_early_and_for_the_department(here):
    batch = stopped_generation(here)
    with pytest.raises(StepForbidden):
        services.generate_again(batch.pk, actor=here["finance"])
    again = services.generate_again(batch.pk, actor=here["department"])
    with pytest.raises(StepRefused, match="正在生成"):
        services.generate_again(batch.pk, actor=here["department"])
    assert jobs.run(again.pk) == "done"
    with pytest.raises(StepRefused, match="都已生成"):
        services.generate_again(batch.pk, actor=here["department"])
