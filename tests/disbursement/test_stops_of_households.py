"""What was stopped for one head is paid to no other one of the household until somebody lifts the stop."""

import pytest
from django.test import Client
from django.urls import reverse

from disbursement import proofs, services
from disbursement.models import Claim, PaymentLine, RosterOmission
from huimin.core.errors import StepRefused
from huimin.core.work import jobs
from recipients.models import EntitlementVersion
from tests.disbursement import factories as make
from tests.disbursement.test_guards import refused_sql
from tests.disbursement.test_heads_and_money import change_head, households

pytestmark = pytest.mark.django_db
CLAIM = """INSERT INTO disbursement_claim (line_id, entitlement_id, component, period_range)
    SELECT id, entitlement_id, component, period_range FROM disbursement_paymentline WHERE id = %s"""


def stopped_then_changed(approve=True):
    """The old head's line of June is stopped, and the household has another head from April on."""
    here, head, wife = households()
    batch = make.issued_batch(here, period="2026-06")
    if approve:
        make.approved(here, batch)
    line = make.lines_of(batch).get(beneficiary_id=head.pk)
    services.stop_line(line.pk, reason="重复领取，不该发", actor=here["department"])
    change_head(here, wife)
    return here, batch, line, wife


def test_a_stop_of_the_old_head_keeps_the_new_one_out_of_a_supplement():
    here, batch, line, wife = stopped_then_changed()
    assert services.unpaid_totals(batch)[0] == 0
    with pytest.raises(StepRefused, match="没有应发未发的人"):
        services.make_supplement(batch.pk, reason="户主变更", actor=here["department"])
    services.lift_stop(line.pk, reason="核实不是重复领取", actor=here["department"])
    made = services.make_supplement(batch.pk, reason="户主变更", actor=here["department"])
    made, job = services.issue_batch(made.pk, actor=here["department"])
    assert jobs.run(job.pk) == "done"
    assert list(make.lines_of(made).values_list("beneficiary_id", flat=True)) == [wife.pk]
    assert proofs.stops_stand_until_lifted()[1] == []


def test_a_clerk_reads_why_the_new_head_is_left_out_and_who_may_lift_it():
    here, batch, line, wife = stopped_then_changed(approve=False)
    roster = services.regenerate_roster(batch.rosters.get().pk, actor=here["town"])
    left_out = dict(
        RosterOmission.objects.filter(roster=roster, revision=roster.revision).values_list(
            "person_id", "reason"
        )
    )
    assert left_out[wife.pk] == "house_stop"
    client = Client()
    client.force_login(here["town"])
    text = client.get(reverse("disbursement:roster-left-out", args=[roster.pk])).content.decode()
    assert reverse("disbursement:line-detail", args=[line.pk]) in text
    assert "部门经办、财政经办在那里恢复发放" in text


def test_who_lifts_the_old_heads_stop_checks_no_list_that_pays_the_new_one():
    here, batch, line, _ = stopped_then_changed()
    services.lift_stop(line.pk, reason="核实后应发", actor=here["finance"])
    made = services.make_supplement(batch.pk, reason="户主变更", actor=here["department"])
    made, job = services.issue_batch(made.pk, actor=here["department"])
    assert jobs.run(job.pk) == "done"
    roster = made.rosters.get()
    make.approve(here, roster, until="pass_department_check")
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_roster(roster.pk, "pass_finance_handle", actor=here["finance"])


def as_lined_for(line, person):
    """A line for the person in the place of the one that was stopped, as somebody would write it by SQL."""
    version = EntitlementVersion.objects.get(entitlement__beneficiary=person)
    copy = PaymentLine.objects.get(pk=line.pk)
    copy.pk, copy.line_no = None, 99
    copy.entitlement_id, copy.entitlement_version_id = version.entitlement_id, version.pk
    copy.save(force_insert=True)
    return copy


def test_the_database_refuses_a_claim_of_what_was_stopped_for_another_head_or_for_the_same_one():
    here, batch, line, wife = stopped_then_changed(approve=False)
    refused_sql(CLAIM, [as_lined_for(line, wife).pk], match="stops_stand_until_lifted")
    refused_sql(CLAIM, [line.pk], match="stops_stand_until_lifted")
    services.lift_stop(line.pk, reason="应发", actor=here["department"])
    roster = services.regenerate_roster(batch.rosters.get().pk, actor=here["town"])
    assert Claim.objects.filter(line__roster=roster, line__beneficiary_id=wife.pk).count() == 1


def test_other_months_and_other_households_are_paid_as_ever():
    here, batch, line, wife = stopped_then_changed()
    july = make.issued_batch(here, period="2026-07")
    assert make.lines_of(july).filter(beneficiary_id=wife.pk).count() == 1
    assert make.lines_of(batch).exclude(pk=line.pk).filter(claim__isnull=False).exists()


def test_a_stop_that_was_made_meanwhile_is_told_in_words(monkeypatch):
    here, batch, *_ = stopped_then_changed(approve=False)
    monkeypatch.setattr("disbursement.services.generation.STOPPED", EMPTY)
    with pytest.raises(StepRefused, match="刚刚被停发"):
        services.regenerate_roster(batch.rosters.get().pk, actor=here["town"])


EMPTY = "held AS MATERIALIZED (SELECT 0::bigint AS right_id, 'empty'::daterange AS period_range, true AS is_own WHERE false)"
