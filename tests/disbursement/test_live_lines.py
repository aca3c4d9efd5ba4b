"""A line counts while it stands on the present revision of a list that was not cancelled, and nowhere else otherwise."""

import re
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from disbursement import proofs, queries, services
from disbursement.models import PaymentLine, PaymentResult
from disbursement.models.sql import LIVE
from disbursement.queries.stale import stale_lines, to_be_ordered
from huimin.core import clock
from huimin.core.errors import StepRefused
from huimin.core.records import audit
from publicity.queries import payments_of, roster_sums, tails_of, villages_in_roster
from publicity.services import publishing
from recipients.models import Account
from tests.disbursement import factories as make
from tests.factories import OTHER_TOWN, TOWN

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def here():
    """One town's list was made anew, the other's was cancelled."""
    found = make.world(6)
    found.batch = make.issued_batch(found)
    found.kept = found.batch.rosters.get(division_code=TOWN)
    found.gone = found.batch.rosters.get(division_code=OTHER_TOWN)
    services.regenerate_roster(found.kept.pk, actor=found["town"])
    services.advance_roster(found.gone.pk, "cancel", actor=found["department"], note="没有人可发")
    for roster in (found.kept, found.gone):
        roster.refresh_from_db()
    return found


def dead_lines(here):
    old = PaymentLine.objects.filter(roster=here.kept, revision=1).first()
    return [old, PaymentLine.objects.filter(roster=here.gone).first()]


def test_sql_and_django_mean_the_same_lines(here):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT l.id FROM {LIVE} ORDER BY l.id")
        found = [row[0] for row in cursor.fetchall()]
    assert found == list(queries.live_lines().order_by("pk").values_list("pk", flat=True))
    assert found == list(queries.lines_of_roster(here.kept).order_by("pk").values_list("pk", flat=True))
    assert PaymentLine.objects.count() == 2 * here.kept.line_count + here.gone.line_count


def test_sums_hold_no_line_of_an_old_revision_or_a_cancelled_list(here):
    both = [here.kept.pk, here.gone.pk]
    mine = (here.kept.line_count, here.kept.total)
    free = queries.to_order(both)
    assert {pk: queries.added_up(one.values()) for pk, one in free.items()} == {here.kept.pk: mine}
    assert [queries.unstopped_total(one) for one in (here.kept, here.gone)] == [mine, (0, queries.ZERO)]
    states = queries.state_totals("r.batch_id = %s", [here.batch.pk])
    assert [(one.count, one.total) for one in states] == [mine]
    assert roster_sums(here.kept.pk).sent_count == here.kept.line_count
    assert roster_sums(here.gone.pk).sent_count == 0


def test_the_batch_waits_for_no_line_of_an_old_revision_or_a_cancelled_list(here):
    make.approve(here, here.kept)
    assert f"还有 {here.kept.line_count:,} 笔没有结果" in services.why_not_close(here.batch)


def test_the_public_reads_no_line_of_an_old_revision_or_a_cancelled_list(here):
    old, cancelled = dead_lines(here)
    assert len(payments_of(old.beneficiary_id)) == 1
    assert payments_of(cancelled.beneficiary_id) == []
    assert tails_of(cancelled.beneficiary_id) == []
    assert villages_in_roster(here.gone) == {}
    assert len(publishing._lines_of(here.kept)) == here.kept.line_count
    assert publishing._lines_of(here.gone) == []


def test_what_changed_for_people_of_dead_lines_stops_no_order(here):
    people = [line.beneficiary_id for line in dead_lines(here)]
    Account.objects.filter(person__in=people).update(is_active=False)
    named = {one.line for one in stale_lines(to_be_ordered([here.kept.pk, here.gone.pk]))}
    assert named == set(queries.live_lines().filter(beneficiary_id=people[0]).values_list("pk", flat=True))


@pytest.mark.parametrize("place", [0, 1], ids=["old revision", "cancelled list"])
def test_a_dead_line_takes_no_result(here, place):
    line = dead_lines(here)[place]
    with pytest.raises(StepRefused, match="不在现在的花名册里"):
        services.stop_line(line.pk, reason="去世", actor=here["department"])
    told = {"actor": here["department"], "detail": {"line": line.pk}}
    audit.record(line.roster, action="stop_line", **told)
    with pytest.raises(IntegrityError, match="现在不能登记这个结果"), transaction.atomic():
        PaymentResult.objects.create(
            line=line,
            kind=PaymentResult.Kind.STOPPED,
            note="去世",
            actor=here["department"],
            business_on=clock.today(),
        )


def test_dead_lines_hold_no_claim(here):
    assert proofs.claims_are_live()[1] == []
    assert proofs.no_stale_claims()[1] == []


def test_nothing_but_the_one_home_compares_revisions():
    """`COUNTS`, `LIVE` or live_lines(): a comparison written out again is how one of its two halves gets lost."""
    told = re.compile(r"\bl\.revision\s*(=|<>)\s*r\.|\br\.revision\s*(=|<>)\s*l\.|roster__revision")
    homes = {"disbursement/models/sql.py", "disbursement/queries/lines.py"}
    found = {
        str(path.relative_to(ROOT))
        for room in ("disbursement", "publicity", "recipients", "huimin", "subsidies")
        for path in (ROOT / room).rglob("*.py")
        if "migrations" not in path.parts and told.search(path.read_text(encoding="utf-8"))
    }
    assert found - homes == set()
