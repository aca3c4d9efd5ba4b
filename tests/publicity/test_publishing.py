"""Opening a list to everybody: who, when, what, and what the database refuses."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError

from disbursement.models import Roster
from disbursement.queries import rosters_of
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.models import AuditEvent
from huimin.core.records import proofs
from huimin.core.values import digests
from publicity import queries, rules, services
from publicity.models import Disclosure, DisclosureLine
from publicity.rules import OPEN_ROW_SQL
from publicity.services import publishing
from tests.disbursement import factories as make
from tests.factories import OTHER_TOWN, TOWN, UserFactory, grant
from tests.publicity.factories import disclosure_at, paid_world, published_world, roster_at

pytestmark = pytest.mark.django_db
REFUSALS = (IntegrityError, InternalError)


def test_a_paid_roster_is_published_with_the_root_that_was_signed():
    here = paid_world()
    roster = roster_at(here)
    made = services.publish_disclosure(roster.pk, actor=here["department"])
    assert (made.root, made.line_count, made.total) == (roster.content_hash, roster.line_count, roster.total)
    assert made.code == digests.short_code(roster.content_hash)
    lines = list(queries.open_lines(made))
    assert rules.root_of(lines) == roster.content_hash
    assert made.paid_count == sum(line.state == "已到账" for line in lines)
    assert AuditEvent.objects.filter(subject=f"publicity.disclosure:{made.pk}", action="publish").count() == 1


def test_a_failed_line_is_shown_as_not_arrived_and_not_counted_as_paid():
    here = published_world(fail=(0, 1))
    states = [line.state for one in here.disclosures for line in one.lines.all()]
    assert states.count("failed") == 2
    assert sum(one.paid_count for one in here.disclosures) == 8
    assert sum(one.paid_total for one in here.disclosures) < sum(one.total for one in here.disclosures)


def test_a_roster_is_not_published_while_the_bank_owes_answers():
    here = make.world(4)
    order = make.sent_order(here)
    with pytest.raises(StepRefused, match="还没有全部回盘"):
        services.publish_disclosure(rosters_of(order).first().pk, actor=here["department"])
    assert not Disclosure.objects.exists()


def test_the_database_refuses_a_disclosure_of_an_unsettled_roster():
    here = make.world(4)
    roster = rosters_of(make.sent_order(here)).first()
    with pytest.raises(REFUSALS, match="还没有发放完"), transaction.atomic():
        _bare_disclosure(here, roster)


def _bare_disclosure(here, roster, **changes):
    facts = {
        "roster": roster,
        "batch": roster.batch,
        "policy": roster.policy,
        "county_code": roster.county_code,
        "division_code": roster.division_code,
        "period": "2026",
        "title": "x",
        "line_count": roster.line_count,
        "total": roster.total,
        "paid_count": 0,
        "paid_total": 0,
        "root": roster.content_hash,
        "code": digests.short_code(roster.content_hash),
        "published_by": here["department"],
        "published_on": "2026-01-01",
    }
    return Disclosure.objects.create(**facts | changes)


@pytest.mark.parametrize("change", [{"root": "0" * 64}, {"total": 1}, {"line_count": 1}])
def test_the_database_refuses_figures_that_are_not_the_rosters(change):
    here = paid_world(6)
    with pytest.raises(REFUSALS, match="与花名册不符"), transaction.atomic():
        _bare_disclosure(here, roster_at(here), **change)


def test_the_database_refuses_lines_that_do_not_give_the_root():
    here = paid_world(6)
    roster = roster_at(here)
    made = _bare_disclosure(here, roster)
    with pytest.raises(REFUSALS, match="算不出花名册的核验码"), transaction.atomic():
        DisclosureLine.objects.create(
            disclosure=made,
            line_no=1,
            division_code="341524100001",
            village="梅山村",
            group_name="第1组",
            shown_name="别人",
            quantity=1,
            standard_text="x",
            amount=roster.total,
            state="paid",
            commitment=b"0" * 32,
        )


def test_no_line_is_added_to_a_published_list():
    here = published_world(6)
    copy = here.disclosures[0].lines.first()
    copy.pk, copy.line_no = None, 999
    with pytest.raises(REFUSALS, match="算不出花名册的核验码"), transaction.atomic():
        copy.save(force_insert=True)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE publicity_disclosureline SET amount = 1",
        "DELETE FROM publicity_disclosureline",
        "UPDATE publicity_querylog SET outcome = 'found'",
        "DELETE FROM publicity_querylog",
        "TRUNCATE publicity_disclosureline",
        "DELETE FROM publicity_disclosure",
        "UPDATE publicity_disclosure SET title = 'x'",
        "UPDATE publicity_disclosure SET status = 'withdrawn'",
    ],
)
def test_what_is_open_is_never_rewritten(sql):
    published_world(4)
    refused = r"permission denied|不能修改|withdrawal|Cannot delete"
    with pytest.raises(Exception, match=refused), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_a_list_is_published_once():
    here = published_world(6)
    with pytest.raises(StepRefused, match="已经公开"):
        services.publish_disclosure(here.rosters[0].pk, actor=here["department"])
    with pytest.raises(IntegrityError), transaction.atomic():
        _bare_disclosure(here, here.rosters[0])


def test_a_withdrawn_list_says_why_and_may_be_published_anew():
    here = published_world(6)
    first = disclosure_at(here)
    with pytest.raises(StepRefused, match="要写明原因"):
        services.withdraw_disclosure(first.pk, actor=here["department"], note=" ")
    withdrawn = services.withdraw_disclosure(first.pk, actor=here["department"], note="标题写错了")
    assert (withdrawn.status, withdrawn.withdrawn_reason) == ("withdrawn", "标题写错了")
    again = services.publish_disclosure(first.roster_id, actor=here["department"])
    assert again.code == first.code
    assert queries.disclosure_by_code(first.code) == again


@pytest.mark.parametrize(
    "role", [Role.TOWNSHIP_CLERK, Role.FINANCE_CHECKER, Role.SUPERVISOR, Role.DEPARTMENT_REVIEWER]
)
def test_only_the_departments_clerk_publishes_and_withdraws(role):
    here = published_world(6)
    user = UserFactory(role=role)
    services.withdraw_disclosure(here.disclosures[0].pk, actor=here["department"], note="试一试")
    with pytest.raises(StepForbidden):
        services.publish_disclosure(here.disclosures[0].roster_id, actor=user)
    with pytest.raises(StepForbidden):
        services.withdraw_disclosure(here.disclosures[1].pk, actor=user, note="不该成功")


def test_a_neighbours_roster_is_not_there():
    here = paid_world(6)
    clerk = UserFactory()
    grant(clerk, Role.DEPARTMENT_CLERK, at=OTHER_TOWN)
    with pytest.raises(Roster.DoesNotExist):
        services.publish_disclosure(roster_at(here, TOWN).pk, actor=clerk)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("第1组 99010019700101001X", ""),
        ("13800138000", "手机号"),
        ("=1+1", "公式"),
        ("-5", "公式"),
    ],
)
def test_what_looks_private_or_like_a_formula_blocks_publishing(text, cause):
    line = rules.OpenLine(1, "341524100001", text, "张三", rules.Decimal(1), "x", rules.Decimal(1), b"0" * 32)
    assert cause in publishing._text_fault([line])
    assert (publishing._text_fault([line]) == "") == (
        text.startswith("第1组") and not cause and not _is_id(text)
    )


def _is_id(text):
    from huimin.core.values import privacy

    return bool(privacy.scan(text))


def test_a_private_number_in_a_group_name_refuses_the_publication():
    here = make.world(3)
    household = here.people[1].household
    type(household).objects.filter(pk=household.pk).update(group_name="13800138000")
    order = make.sent_order(here)
    make.returned(here, order)
    roster = rosters_of(order).get(division_code=TOWN)
    with pytest.raises(StepRefused, match="手机号"):
        services.publish_disclosure(roster.pk, actor=here["department"])
    assert not Disclosure.objects.exists()


def test_protected_policies_show_surnames_only():
    here = published_world(6, protected=True)
    names = {line.shown_name for one in here.disclosures for line in one.lines.all()}
    assert names == {"张**"}


def test_the_open_row_is_the_row_that_was_signed():
    """publicity and disbursement write the same fields in the same order."""
    published_world(4)
    from disbursement.models.sql import PUBLIC_ROW

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {OPEN_ROW_SQL} FROM publicity_disclosureline l ORDER BY 1")
        published = cursor.fetchall()
        cursor.execute(f"SELECT {PUBLIC_ROW} FROM disbursement_paymentline l ORDER BY 1")
        assert published == cursor.fetchall()
    fields = sorted(line.fields for one in Disclosure.objects.all() for line in queries.open_lines(one))
    assert fields == [row[0] for row in published]


def test_the_proofs_hold_after_publishing():
    published_world(6)
    found = {one.name: one for one in proofs.run_all() if "公开" in one.name}
    assert len(found) == 3
    assert all(one.holds and one.checked for one in found.values())


@pytest.mark.parametrize("step", ["publish", "no_such_step"])
def test_what_is_no_step_of_an_open_list_is_refused_in_words(step):
    here = published_world()
    with pytest.raises(BadInput, match=f"没有“{step}”这一步"):
        publishing.advance_disclosure(here.disclosures[0].pk, step, actor=here["department"])
