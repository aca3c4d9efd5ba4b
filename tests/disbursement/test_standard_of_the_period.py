"""What was declared and listed for a period is paid by its standard: no other version is published over it."""

from datetime import date

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from psycopg.types.range import DateRange

from disbursement import proofs, services
from disbursement.models import Batch
from huimin.core.authority.roles import Role
from huimin.core.errors import Refused, StepRefused
from recipients.models import Declaration
from recipients.services import declarations, review
from subsidies.models import PolicyVersion
from subsidies.services import versions
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import listed
from tests.disbursement.test_one_head_is_paid import Village
from tests.disbursement.test_plain_sql import as_owner
from tests.factories import VILLAGE, UserFactory
from tests.recipients import factories as lists

in_a_transaction = pytest.mark.django_db
REVIEW = lists.NOTHING | {"has_county_review": True, "joint_parties": ["department", "finance"]}
WAY = "从下一期起执行.*用一次性政策开一次“提标补差”发放"


@pytest.fixture
def here():
    """A right from January on, paid month by month."""
    found = Village("monthly", object_type="person", is_open_ended=True, amount_rule=make.MONTHLY)
    found.declare([found.head, found.neighbour], "2026-01")
    return found


def sent(here, first, **terms):
    """A new standard that waits for its publication."""
    terms = REVIEW | {"amount_rule": make.MONTHLY, "standard_text": "新标准", "is_open_ended": True} | terms
    made = versions.add_version(here.policy, valid_from=first, actor=here["finance"], **terms)
    return versions.advance_version(made.pk, "submit", actor=here["finance"])


def publish(here, version):
    return versions.advance_version(version.pk, "publish", actor=here["finance_check"])


def status(version):
    return PolicyVersion.objects.get(pk=version.pk).status


@in_a_transaction
def test_no_standard_is_published_over_a_period_that_is_listed(here):
    batch = make.issued_batch(here, "2026-07")
    new = sent(here, date(2026, 7, 1))
    with pytest.raises(StepRefused, match=f"2026年7月已按原标准办理（批次 1 个）.*{WAY}"):
        publish(here, new)
    assert status(new) == "submitted"
    assert here.policy.version_on(date(2026, 7, 1)) == batch.version


@in_a_transaction
def test_nor_over_a_period_that_is_declared_whether_in_draft_or_confirmed(here):
    here.book([here.wife], "2026-07")
    new = sent(here, date(2026, 7, 1))
    with pytest.raises(StepRefused, match=f"2026年7月已按原标准办理（申报册 1 册）.*{WAY}"):
        publish(here, new)
    versions.advance_version(new.pk, "rework", actor=here["finance_check"], note="早了")
    facts = REVIEW | {"amount_rule": make.MONTHLY, "standard_text": "新标准"}
    versions.revise_version(new, valid_from=date(2025, 12, 1), actor=here["finance"], **facts)
    versions.advance_version(new.pk, "submit", actor=here["finance"])
    with pytest.raises(StepRefused, match=f"2026年1月已按原标准办理（申报册 1 册）.*{WAY}"):
        publish(here, new)


@in_a_transaction
def test_the_standard_of_the_next_period_is_published_and_pays_it(here):
    make.issued_batch(here, "2026-07")
    new = publish(here, sent(here, date(2026, 8, 1)))
    batch = make.issued_batch(here, "2026-08")
    assert (batch.version, listed(batch, here.head)) == (new, [1])


@in_a_transaction
def test_a_standard_that_begins_within_a_listed_period_pays_from_the_next_one_on(here):
    batch = make.issued_batch(here, "2026-07")
    new = publish(here, sent(here, date(2026, 7, 15)))
    assert make.issued_batch(here, "2026-08").version == new
    assert make.approved(here, batch)


@in_a_transaction
def test_books_and_batches_that_were_set_aside_do_not_count(here):
    batch = make.issued_batch(here, "2026-07")
    book = here.book([here.wife], "2026-07")
    new = sent(here, date(2026, 7, 1))
    with pytest.raises(StepRefused, match="申报册 1 册、批次 1 个"):
        publish(here, new)
    services.advance_batch(batch.pk, "take_back", actor=here["department"], note="换标准")
    review.take_step(book.pk, "withdraw", actor=here["village"], note="换标准")
    publish(here, new)
    assert make.issued_batch(here, "2026-07").version == new


@in_a_transaction
def test_a_batch_made_early_gives_way_to_the_standard_of_its_year():
    here = Village(object_type="person", is_open_ended=True)
    here.declare([here.head, here.neighbour], "2026")
    batch = services.make_batch(here.policy, "2027", actor=here["department"], early="提前发")
    new = sent(here, date(2027, 1, 1), amount_rule=make.FLAT)
    with pytest.raises(StepRefused, match="2027年已按原标准办理（批次 1 个）"):
        publish(here, new)
    services.advance_batch(batch.pk, "cancel", actor=here["department"], note="换标准")
    publish(here, new)
    early = services.make_batch(here.policy, "2027", actor=here["department"], early="提前发")
    assert early.version == new


# --- by SQL ------------------------------------------------------------------------------------------------------------


def by_sql(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.parametrize("range_", ["[2026-01-01,2026-07-01)", "[2026-01-01,2026-07-02)"])
@in_a_transaction
def test_by_sql_a_version_is_not_cut_before_a_period_that_it_listed(here, range_):
    batch = make.issued_batch(here, "2026-07")
    cut = "UPDATE subsidies_policyversion SET valid = %s::daterange WHERE id = %s"
    if range_ == "[2026-01-01,2026-07-02)":
        by_sql(cut, range_, batch.version_id)
        return
    with pytest.raises(DatabaseError, match="不换补贴标准"):
        by_sql(cut, range_, batch.version_id)


@pytest.mark.parametrize("table", ["book", "batch"])
@in_a_transaction
def test_by_sql_nothing_is_made_for_a_period_by_another_version_than_its_own(here, table):
    old = here.policy.version_on(date(2026, 1, 1))
    publish(here, sent(here, date(2026, 7, 1)))
    days = DateRange(date(2026, 8, 1), date(2026, 9, 1))
    row = {"policy": here.policy, "version": old, "period": "2026-08", "period_range": days}
    row |= {"county_code": here.policy.county_code, "made_by": here["finance"]}
    what, place = {
        "book": (Declaration, {"division_code": VILLAGE}),
        "batch": (Batch, {"division_code": here.policy.county_code, "number": "X", "title": "x"}),
    }[table]
    with pytest.raises(IntegrityError, match="这一期的补贴标准不是这一版"), transaction.atomic():
        what.objects.create(**row, **place)


def test_what_was_made_by_another_version_is_seen_by_the_proof(committed_db, owner_connection):
    found = Village("monthly", object_type="person", is_open_ended=True, amount_rule=make.MONTHLY)
    book = found.book([found.head], "2026-07")
    assert proofs.periods_are_of_their_version()[1] == []
    cut = "UPDATE subsidies_policyversion SET valid = '[2026-01-01,2026-07-01)' WHERE id = %s"
    as_owner(owner_connection, "subsidies_policyversion", cut, book.version_id)
    assert proofs.periods_are_of_their_version()[1] == [f"申报册 {book.pk}：2026-07"]


@in_a_transaction
def test_a_standard_that_came_between_reading_and_making_is_told(here, monkeypatch):
    """Two at once: the version of the period was read, and another one published before the batch was written."""
    old = here.policy.version_on(date(2026, 1, 1))
    publish(here, sent(here, date(2026, 7, 1)))
    for module in (services.batches, declarations):
        real = module.version_for
        monkeypatch.setattr(module, "version_for", lambda *a, _real=real, **k: (_real(*a, **k)[0], old))
    with pytest.raises(StepRefused, match=r"刚换了补贴标准.*再办一次"):
        services.make_batch(here.policy, "2026-08", actor=here["department"])
    with pytest.raises(StepRefused, match=r"刚换了补贴标准.*再办一次"):
        declarations.make_declaration(
            here.policy, period="2026-08", division_code=VILLAGE, actor=here["village"], another=True
        )


@in_a_transaction
def test_another_checker_publishes_what_the_first_may_not(here):
    another = UserFactory(role=Role.FINANCE_CHECKER)
    new = sent(here, date(2026, 8, 1))
    versions.advance_version(new.pk, "publish", actor=another)
    assert status(new) == "published"


def test_two_who_list_and_publish_at_once_leave_no_period_with_two_standards(run_in_threads):
    found = Village("monthly", object_type="person", is_open_ended=True, amount_rule=make.MONTHLY)
    new = sent(found, date(2026, 7, 1))

    def act(number):
        if number % 2:
            return services.make_batch(found.policy, "2026-07", actor=found["department"])
        return publish(found, new)

    results = run_in_threads(act, 8)
    assert all(not isinstance(one, Exception) or isinstance(one, Refused) for one in results), results
    # who read the standard before the other one was published is refused, and asks again
    batches = list(Batch.objects.all())
    assert [one.version for one in batches] in ([], [found.policy.version_on(date(2026, 7, 1))])
    assert (status(new) == "published") == ([one.version for one in batches] in ([], [new]))
    assert proofs.periods_are_of_their_version()[1] == []
