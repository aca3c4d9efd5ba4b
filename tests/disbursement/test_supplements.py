"""补发: nobody who is due is lost for a period, and nobody is paid twice for it."""

import json
from decimal import Decimal
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from disbursement import services
from disbursement.models import Batch, Claim, PaymentLine, PaymentResult, RosterOmission, StopLift
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.models import AuditEvent, Job
from huimin.core.records import audit
from huimin.core.work import jobs
from subsidies import services as funds
from tests.disbursement import factories as make
from tests.disbursement.test_pages import page_of
from tests.factories import TOWN, VILLAGE, UserFactory, grant

pytestmark = pytest.mark.django_db

WHY = "补报的申报册已确认"


@pytest.fixture
def here():
    return make.world(6)


def come_late(here, village=VILLAGE):
    one = make.person(village, by=here["village"].pk)
    make.account(one)
    make.entitle(here.books[village], one)
    return one


def supplement(here, batch, reason=WHY):
    """A 补发 batch with its rosters generated."""
    made = services.make_supplement(batch.pk, reason=reason, actor=here["department"])
    made, job = services.issue_batch(made.pk, actor=here["department"])
    assert jobs.run(job.pk) == "done", job.message
    return made


def people_of(batch):
    return set(make.lines_of(batch).values_list("beneficiary_id", flat=True))


def test_who_is_confirmed_after_the_roster_was_approved_is_paid_by_a_supplement(here):
    batch = make.issued_batch(here)
    make.approved(here, batch)
    late = come_late(here)
    made = supplement(here, batch)
    assert people_of(made) == {late.pk}
    assert (made.period, made.component, made.version_id) == (batch.period, batch.component, batch.version_id)
    make.returned(here, make.sent_order(here, made))
    assert PaymentResult.objects.filter(line__beneficiary_id=late.pk, kind="paid").count() == 1


def test_who_is_paid_already_is_shut_out_of_the_supplement(here):
    batch = make.issued_batch(here)
    make.returned(here, make.sent_order(here, batch))
    come_late(here)
    made = supplement(here, batch)
    assert not people_of(made) & people_of(batch)
    assert Claim.objects.count() == 7
    assert not RosterOmission.objects.filter(roster__batch=made).exists()


def test_number_and_reason_stand_on_the_batch_and_on_the_trail(here):
    batch = make.issued_batch(here)
    make.approved(here, batch)
    come_late(here)
    first = supplement(here, batch)
    make.approved(here, first)
    come_late(here)
    second = supplement(here, first, reason="又补报一人")
    assert [(one.attempt, one.reason, one.supplements_id) for one in (first, second)] == [
        (1, WHY, batch.pk),
        (2, "又补报一人", batch.pk),
    ]
    event = AuditEvent.objects.get(subject=f"disbursement.batch:{first.pk}", action="make")
    assert (event.note, event.detail["supplements"]) == (WHY, batch.number)


def test_the_people_of_a_roster_cancelled_by_mistake_are_paid_by_a_supplement(here):
    batch = make.issued_batch(here)
    gone, kept = batch.rosters.order_by("pk")
    services.advance_roster(gone.pk, "cancel", actor=here["department"], note="点错")
    make.approve(here, kept)
    people = set(PaymentLine.objects.filter(roster=gone).values_list("beneficiary_id", flat=True))
    assert people_of(supplement(here, batch)) == people


def test_a_township_whose_list_is_open_makes_it_anew_instead(here):
    batch = make.issued_batch(here)
    late = come_late(here)
    with pytest.raises(StepRefused, match="没有应发未发的人"):
        services.make_supplement(batch.pk, reason=WHY, actor=here["department"])
    roster = batch.rosters.get(lines__division_code=VILLAGE, lines__line_no=1)
    services.regenerate_roster(roster.pk, actor=here["town"])
    assert late.pk in people_of(batch)


def test_a_stop_stands_until_somebody_takes_it_back(here):
    batch = make.issued_batch(here)
    make.approved(here, batch)
    line = PaymentLine.objects.first()
    services.stop_line(line.pk, reason="点错了行", actor=here["town"])
    with pytest.raises(StepRefused, match="恢复发放"):
        services.make_supplement(batch.pk, reason=WHY, actor=here["department"])
    services.lift_stop(line.pk, reason="核实后应发", actor=here["department"])
    assert people_of(supplement(here, batch)) == {line.beneficiary_id}


def test_money_that_came_back_waits_for_its_correction(here):
    batch = make.issued_batch(here)
    make.returned(here, make.sent_order(here, batch), fail={0})
    late = come_late(here)
    made = supplement(here, batch)
    assert people_of(made) == {late.pk}
    failed = PaymentLine.objects.get(results__kind="bank_failed")
    assert dict(RosterOmission.objects.filter(roster__batch=made).values_list("person_id", "reason")) == (
        {failed.beneficiary_id: "failed"} if failed.division_code == VILLAGE else {}
    )


def test_what_a_supplement_could_not_pay_is_corrected_like_any_other(here):
    batch = make.issued_batch(here)
    make.approved(here, batch)
    late = come_late(here)
    made = supplement(here, batch)
    make.returned(here, make.sent_order(here, made), fail={0})
    again = services.make_correction(made.pk, actor=here["department"])
    assert people_of(again) == {late.pk}


def test_what_was_stopped_in_a_correction_is_not_paid_by_the_next(here):
    root = make.issued_batch(here)
    make.returned(here, make.sent_order(here, root), fail={0, 1})
    first = services.make_correction(root.pk, actor=here["department"])
    line = make.lines_of(first).first()
    services.stop_line(line.pk, reason="家属放弃", actor=here["department"])
    with pytest.raises(StepRefused, match="没有可以更正"):
        services.make_correction(root.pk, actor=here["department"])
    services.lift_stop(line.pk, reason="家属又来领", actor=here["department"])
    again = services.make_correction(root.pk, actor=here["department"])
    assert people_of(again) == {line.beneficiary_id}


def test_a_correction_made_anew_takes_back_who_is_paid_after_all(here):
    root = make.issued_batch(here)
    make.returned(here, make.sent_order(here, root), fail={0})
    roster = services.make_correction(root.pk, actor=here["department"]).rosters.get()
    line = PaymentLine.objects.get(roster=roster)
    services.stop_line(line.pk, reason="点错", actor=here["department"])
    services.lift_stop(line.pk, reason="应发", actor=here["department"])
    assert services.regenerate_roster(roster.pk, actor=here["town"]).line_count == 1


def test_a_stop_is_taken_back_once_by_its_people_with_a_reason(here):
    make.issued_batch(here)
    line, other = PaymentLine.objects.order_by("pk")[:2]
    services.stop_line(line.pk, reason="点错", actor=here["town"])
    with pytest.raises(BadInput, match="原因"):
        services.lift_stop(line.pk, reason=" ", actor=here["finance"])
    with pytest.raises(StepForbidden):
        services.lift_stop(line.pk, reason="应发", actor=here["town"])
    with pytest.raises(StepRefused, match="没有停发"):
        services.lift_stop(other.pk, reason="应发", actor=here["finance"])
    services.lift_stop(line.pk, reason="应发", actor=here["finance"])
    with pytest.raises(StepRefused, match="已经恢复过"):
        services.lift_stop(line.pk, reason="应发", actor=here["finance"])
    audit.record(other.roster, action="lift_stop", actor=here["finance"], detail={"line": other.pk})
    with pytest.raises(DatabaseError, match="没有停发"), transaction.atomic():
        StopLift.objects.create(line=other, reason="应发", actor=here["finance"])


def test_a_supplement_needs_reason_role_policy_in_force_and_a_batch_under_way(here):
    batch = services.make_batch(here.policy, "2026", actor=here["department"])
    with pytest.raises(StepRefused, match="已下达"):
        services.make_supplement(batch.pk, reason=WHY, actor=here["department"])
    _, job = services.issue_batch(batch.pk, actor=here["department"])
    assert jobs.run(job.pk) == "done"
    make.approved(here, batch)
    come_late(here)
    with pytest.raises(BadInput, match="原因"):
        services.make_supplement(batch.pk, reason=" ", actor=here["department"])
    with pytest.raises(StepForbidden):
        services.make_supplement(batch.pk, reason=WHY, actor=here["finance"])
    services.make_supplement(batch.pk, reason=WHY, actor=here["department"])
    with pytest.raises(StepRefused, match="没有下达"):
        services.make_supplement(batch.pk, reason=WHY, actor=here["department"])
    Batch.objects.filter(kind="supplement").update(status="cancelled")
    checker = UserFactory(role=Role.FINANCE_CHECKER)
    funds.advance_policy(here.policy.pk, "suspend", actor=checker, note="上级叫停")
    with pytest.raises(StepRefused, match="已暂停"):
        services.make_supplement(batch.pk, reason=WHY, actor=here["department"])


def test_a_supplement_without_a_reason_is_refused_by_the_database(here):
    batch = make.issued_batch(here)
    with pytest.raises(DatabaseError, match="batch_names_its_origin"), transaction.atomic():
        Batch.objects.create(
            county_code=batch.county_code,
            division_code=batch.division_code,
            number="PF1",
            kind="supplement",
            policy=batch.policy,
            version=batch.version,
            period=batch.period,
            period_range=batch.period_range,
            title="补发",
            supplements=batch,
            made_by=here["department"],
        )


def test_the_batch_page_says_how_many_are_due_and_unpaid_and_makes_the_supplement(here):
    batch = make.issued_batch(here)
    make.approved(here, batch)
    late = come_late(here)
    assert services.unpaid_totals(batch) == (1, Decimal("260.70"))
    url = reverse("disbursement:batch-unpaid", args=[batch.pk])
    client = page_of(here["department"])
    assert url in client.get(reverse("disbursement:batch-detail", args=[batch.pk])).content.decode()
    page = client.get(url)
    assert page.context["unpaid"] == {"count": 1, "total": Decimal("260.70")}
    data = {"action_key": page.context["action_key"], "reason": WHY}
    answer = client.post(reverse("disbursement:batch-supplement", args=[batch.pk]), data)
    made = Batch.objects.get(kind="supplement")
    assert answer.headers["Location"] == reverse("disbursement:batch-detail", args=[made.pk])
    assert WHY in client.get(answer.headers["Location"]).content.decode()
    township = page_of(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    assert township.get(url).status_code == 404
    theirs = township.get(reverse("disbursement:batch-detail", args=[batch.pk]))
    assert url not in theirs.content.decode()
    assert late.pk not in people_of(batch)


def test_a_refused_supplement_keeps_its_reason_on_the_page(here):
    batch = make.issued_batch(here)
    make.approved(here, batch)
    come_late(here)
    client = page_of(here["department"])
    data = {"action_key": str(uuid4()), "reason": "补报，问 13800000001"}
    text = client.post(reverse("disbursement:batch-supplement", args=[batch.pk]), data).content.decode()
    assert "里像有手机号" in text
    assert "补报，问 13800000001</textarea>" in text


def test_the_batch_page_itself_reckons_nothing_over_the_rights_of_the_county(here):
    batch = make.issued_batch(here)
    client = page_of(here["department"])
    with CaptureQueriesContext(connection) as captured:
        client.get(reverse("disbursement:batch-detail", args=[batch.pk]))
    # but for lines whose stop was lifted, which are few
    asked = [one["sql"] for one in captured if "disbursement_stoplift" not in one["sql"]]
    assert not [sql for sql in asked if "recipients_entitlement" in sql]
    with CaptureQueriesContext(connection) as captured:
        client.get(reverse("disbursement:batch-unpaid", args=[batch.pk]))
    assert [one["sql"] for one in captured if "recipients_entitlement" in one["sql"]]


def test_the_batch_page_does_not_ask_who_is_unpaid_while_lists_are_written(here):
    batch = make.issued_batch(here)
    Job.objects.filter(key__startswith=f"{services.batches.GENERATE}:{batch.pk}:").update(state="running")
    page = page_of(here["department"]).get(reverse("disbursement:batch-detail", args=[batch.pk]))
    assert not page.context["asks_unpaid"]


def test_a_stop_is_taken_back_from_the_lines_page(here):
    make.issued_batch(here)
    line = PaymentLine.objects.first()
    services.stop_line(line.pk, reason="点错", actor=here["town"])
    client = page_of(here["finance"])
    page = client.get(reverse("disbursement:line-detail", args=[line.pk]))
    data = {"action_key": page.context["action_key"], "reason": "核实后应发"}
    client.post(reverse("disbursement:line-lift", args=[line.pk]), data)
    assert StopLift.objects.get().line_id == line.pk
    assert "核实后应发" in client.get(reverse("disbursement:line-detail", args=[line.pk])).content.decode()


def test_the_command_pays_who_was_missed(here):
    batch = make.issued_batch(here)
    make.approved(here, batch)
    come_late(here)
    out = StringIO()
    options = ["--policy", here.policy.code, "--period", "2026年", "--supplement", WHY, "--json"]
    call_command("generate_batch", *options, "--as", here["department"].username, stdout=out)
    found = json.loads(out.getvalue())
    assert (found["count"], Batch.objects.get(pk=found["batch"]).kind) == (1, "supplement")


def test_who_booked_the_failure_neither_checks_nor_signs_the_correction(here):
    root = make.issued_batch(here)
    make.returned(here, make.sent_order(here, root), fail={0})
    batch = services.make_correction(root.pk, actor=here["department"])
    roster = make.approve(here, batch.rosters.get(), until="pass_finance_handle")
    booker = here["reconciler2"]
    grant(booker, Role.FINANCE_CHECKER)
    grant(booker, Role.TREASURER)
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_roster(roster.pk, "pass_finance_check", actor=booker)
    services.advance_roster(roster.pk, "pass_finance_check", actor=here["finance_check"])
    order = make.make_order([roster.pk], actor=here["order_maker"])
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.sign_order(order.pk, actor=booker)


def test_reconcilers_may_change_places_for_the_answer_to_a_correction(here):
    root = make.issued_batch(here)
    make.returned(here, make.sent_order(here, root), fail={0})
    order = make.sent_order(here, services.make_correction(root.pk, actor=here["department"]))
    taken = services.accept_return(make.answer(order), "r.txt", actor=here["reconciler2"])
    services.confirm_return(taken.return_file.pk, actor=here["reconciler"])
    order.refresh_from_db()
    assert order.status == "settled"


# --- the batch that it supplements is taken back --------------------------------------------------------------------------


def lacking(here):
    """A batch whose first township was given up, and a draft 补发 for it."""
    batch = make.issued_batch(here)
    roster = batch.rosters.order_by("pk").first()
    services.advance_roster(roster.pk, "cancel", actor=here["department"], note="重做")
    return batch, services.make_supplement(batch.pk, reason=WHY, actor=here["department"])


def take_back(here, batch):
    return services.advance_batch(batch.pk, "take_back", actor=here["department"], note="期次选错")


@pytest.mark.parametrize("until", ["draft", "approved"])
def test_a_batch_is_not_taken_back_while_its_supplement_lives(here, until):
    batch, made = lacking(here)
    if until == "approved":
        made, job = services.issue_batch(made.pk, actor=here["department"])
        jobs.run(job.pk)
        make.approved(here, made)
    with pytest.raises(StepRefused, match=f"还有补发批次 {made.number}"):
        take_back(here, batch)


def test_a_batch_is_taken_back_once_its_supplement_was_given_up(here):
    batch, made = lacking(here)
    services.advance_batch(made.pk, "cancel", actor=here["department"], note="期次选错")
    assert take_back(here, batch).status == "cancelled"


def test_sql_neither_takes_a_batch_back_under_its_supplement_nor_hangs_one_onto_a_batch_taken_back(here):
    batch, made = lacking(here)
    with pytest.raises(DatabaseError, match="还有补发或更正批次"), transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(status="cancelled")
    services.advance_batch(made.pk, "cancel", actor=here["department"], note="期次选错")
    take_back(here, batch)
    again = {
        name: getattr(made, name)
        for name in ("county_code", "division_code", "kind", "policy_id", "version_id")
    }
    again |= {"period": made.period, "period_range": made.period_range, "supplements": batch, "reason": WHY}
    with pytest.raises(DatabaseError, match="原批次没有下达或已作废"), transaction.atomic():
        Batch.objects.create(**again, number="X", title="补发", attempt=2, made_by=here["department"])


def test_a_stop_is_taken_back_from_its_line_after_the_list_was_made_anew_or_given_up(here):
    batch = make.issued_batch(here)
    line = PaymentLine.objects.first()
    services.stop_line(line.pk, reason="材料待补", actor=here["town"])
    services.regenerate_roster(line.roster_id, actor=here["town"])
    client = page_of(here["department"])
    url = reverse("disbursement:line-detail", args=[line.pk])
    assert client.get(url).context["lift_form"]
    left_out = client.get(reverse("disbursement:roster-left-out", args=[line.roster_id])).content.decode()
    assert url in left_out
    take_back(here, batch)
    assert client.get(url).context["lift_form"]
    services.lift_stop(line.pk, reason="补齐", actor=here["department"])
    assert client.get(url).context["lift_form"] is None
    assert line.beneficiary_id in people_of(make.issued_batch(here))
