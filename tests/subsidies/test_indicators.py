"""Indicators: who may, how much, and that two at once cannot overdraw."""

import threading
from decimal import Decimal

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.models import AuditEvent
from huimin.core.work.verbs import advance
from subsidies import services
from subsidies.models import Indicator, IndicatorMove, IndicatorPolicy
from tests import servers
from tests.factories import COUNTY, TOWN, UserFactory, grant
from tests.subsidies.factories import indicator, people, published

SUBJECT = "disbursement.paymentorder:1"


@pytest.fixture
def office(db):
    return people()


@pytest.fixture
def policy(office):
    return published(*office)


def figures(row):
    row.refresh_from_db()
    return [str(value) for value in (row.issued, row.available, row.frozen, row.paid)]


def test_a_registered_indicator_leaves_its_first_move_and_its_trace(office):
    clerk, _ = office
    made = indicator(clerk, issued="500.00")
    move = made.moves.get()
    assert (move.kind, move.amount) == ("issue", Decimal("500.00"))
    assert AuditEvent.objects.filter(subject=f"subsidies.indicator:{made.pk}", action="register").exists()


def test_only_the_finance_clerk_registers(office):
    _, checker = office
    with pytest.raises(StepForbidden, match="须由财政经办办理"):
        indicator(checker)
    with pytest.raises(StepForbidden):
        indicator(UserFactory(role=Role.DEPARTMENT_CLERK))


def test_a_clerk_of_one_town_cannot_register_for_the_county(office):
    with pytest.raises(StepForbidden):
        indicator(UserFactory(role=Role.FINANCE_CLERK, at=TOWN))


def test_the_registrar_cannot_confirm_even_with_the_checkers_role(office):
    clerk, _ = office
    made = indicator(clerk)
    grant(clerk, Role.FINANCE_CHECKER)
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_indicator(made.pk, "confirm", actor=clerk)
    made.refresh_from_db()
    assert made.status == "registered"


def test_the_same_document_and_name_is_registered_once(office):
    clerk, _ = office
    indicator(clerk, document_number="皖财农〔2026〕318号")
    with pytest.raises(BadInput, match="这个文号下已有同名指标"):
        indicator(clerk, document_number="皖财农〔2026〕318号")


def test_an_indicator_of_nothing_is_refused(office):
    with pytest.raises(BadInput, match="下达数为0"):
        indicator(office[0], issued="0")


def test_advance_finds_the_indicators_service_by_its_name(office):
    clerk, checker = office
    made = indicator(clerk)
    advance(f"subsidies.indicator:{made.pk}", "refuse", actor=checker, note="金额登错")
    made.refresh_from_db()
    assert made.status == "refused"


def test_a_refusal_needs_its_reason(office):
    clerk, checker = office
    with pytest.raises(StepRefused, match="要写明原因"):
        services.advance_indicator(indicator(clerk).pk, "refuse", actor=checker, note=" ")


def test_a_void_indicator_is_not_attached(office, policy):
    clerk, checker = office
    made = indicator(clerk)
    services.advance_indicator(made.pk, "refuse", actor=checker, note="登错")
    with pytest.raises(StepRefused, match="已作废"):
        services.attach_indicator(made, policy=policy, actor=clerk)


def test_an_indicator_is_attached_to_a_policy_once(office, policy):
    clerk, checker = office
    made = indicator(clerk, checker, policy=policy)
    with pytest.raises(BadInput, match="已经挂接过"):
        services.attach_indicator(made, policy=policy, actor=clerk)


def test_money_is_drawn_by_priority_then_by_age(office, policy):
    last = indicator(*office, issued="100.00", policy=policy, priority=3)
    first = indicator(*office, issued="100.00", policy=policy, priority=1)
    second = indicator(*office, issued="100.00", policy=policy, priority=1)
    found = services.preview_deduction(policy, Decimal("250.00"))
    assert [(one.indicator.pk, str(one.amount)) for one in found] == [
        (first.pk, "100.00"),
        (second.pk, "100.00"),
        (last.pk, "50.00"),
    ]


def test_a_shortage_names_the_missing_yuan(office, policy):
    indicator(*office, issued="1000.00", policy=policy)
    with pytest.raises(StepRefused, match=r"指标不足，尚缺 1,234\.50 元"):
        services.preview_deduction(policy, Decimal("2234.50"))


def test_an_unconfirmed_indicator_pays_nothing(office, policy):
    indicator(office[0], policy=policy)
    with pytest.raises(StepRefused, match="尚缺"):
        services.freeze_for(policy, Decimal("1"), subject=SUBJECT, actor=office[0])


def test_the_figures_follow_every_move_and_its_way_back(office, policy):
    clerk, _ = office
    made = indicator(*office, policy=policy)
    services.freeze_for(policy, Decimal("600"), subject=SUBJECT, actor=clerk)
    assert figures(made) == ["1000.00", "400.00", "600.00", "0.00"]
    services.pay_frozen(made.pk, Decimal("500"), subject=SUBJECT, actor=clerk)
    services.release_frozen(made.pk, Decimal("100"), subject=SUBJECT, actor=clerk)
    assert figures(made) == ["1000.00", "500.00", "0.00", "500.00"]
    services.reopen_paid(made.pk, Decimal("86.90"), subject=SUBJECT, actor=clerk)
    assert figures(made) == ["1000.00", "586.90", "0.00", "413.10"]
    kinds = list(made.moves.values_list("kind", flat=True))
    assert kinds == ["issue", "freeze", "pay", "release", "reopen"]


@pytest.mark.parametrize("act", [services.pay_frozen, services.release_frozen, services.reopen_paid])
def test_no_figure_goes_below_zero(office, policy, act):
    made = indicator(*office, policy=policy)
    with pytest.raises(StepRefused, match=r"不足，尚缺 1\.00 元"):
        act(made.pk, Decimal("1"), subject=SUBJECT, actor=office[0])
    assert made.moves.count() == 1


def test_a_freeze_that_falls_short_changes_nothing(office, policy):
    made = indicator(*office, policy=policy)
    with pytest.raises(StepRefused):
        services.freeze_for(policy, Decimal("1000.01"), subject=SUBJECT, actor=office[0])
    assert figures(made) == ["1000.00", "1000.00", "0.00", "0.00"]


@pytest.mark.parametrize(
    "change",
    [
        "available = available + 1",
        "paid = -1, available = available + 1",
        "issued = 9999, available = 9999",
        "document_number = '另一个文号'",
        "status = 'registered'",
    ],
)
def test_the_database_refuses_a_change_by_hand(office, change):
    made = indicator(*office)
    with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE subsidies_indicator SET {change} WHERE id = %s", [made.pk])


def test_the_trail_of_moves_cannot_be_changed_or_removed(office):
    move = indicator(office[0]).moves.get()
    with pytest.raises(DatabaseError), transaction.atomic():
        IndicatorMove.objects.filter(pk=move.pk).update(amount=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        IndicatorMove.objects.filter(pk=move.pk).delete()


def test_two_at_once_cannot_overdraw_an_indicator(run_in_threads):
    clerk, checker = people()
    policy = published(clerk, checker)
    made = indicator(clerk, checker, policy=policy)

    def freeze(index):
        services.freeze_for(policy, Decimal("700"), subject=f"disbursement.paymentorder:{index}", actor=clerk)
        return "frozen"

    results = run_in_threads(freeze, 4)
    assert [one for one in results if one == "frozen"] == ["frozen"]
    assert all("尚缺" in str(one) for one in results if one != "frozen")
    assert figures(made) == ["1000.00", "300.00", "700.00", "0.00"]
    assert made.moves.filter(kind="freeze").count() == 1


def test_two_over_crossed_indicators_do_not_block_each_other(run_in_threads):
    clerk, checker = people()
    one, other = published(clerk, checker), published(clerk, checker)
    for policy, backwards in ((one, False), (other, True)):
        rows = Indicator.objects.order_by("-pk" if backwards else "pk")
        if not rows.exists():
            rows = [indicator(clerk, checker), indicator(clerk, checker)]
        for priority, row in enumerate(rows, 1):
            services.attach_indicator(row, policy=policy, priority=priority, actor=clerk)

    def freeze(index):
        policy = (one, other)[index % 2]
        services.freeze_for(policy, Decimal("400"), subject=f"order:{index}", actor=clerk)
        return "frozen"

    assert run_in_threads(freeze, 4) == ["frozen"] * 4
    assert sum(Indicator.objects.values_list("frozen", flat=True)) == Decimal("1600.00")
    assert IndicatorPolicy.objects.count() == 4


def test_reading_first_and_writing_after_overspends_without_the_guards(committed_db):
    """The negative control: on a table without CHECK and condition, both writers see enough and the money goes twice."""
    url = servers.owner_url(committed_db)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE TABLE scratch (available numeric, spent numeric)")
        owner.execute("INSERT INTO scratch VALUES (1000, 0)")
    both_have_read = threading.Barrier(2)

    def spend():
        with psycopg.connect(url) as own:
            available = own.execute("SELECT available FROM scratch").fetchone()[0]
            both_have_read.wait(timeout=30)
            if available >= 700:
                own.execute("UPDATE scratch SET available = %s, spent = spent + 700", [available - 700])

    threads = [threading.Thread(target=spend) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    with psycopg.connect(url) as owner:
        assert owner.execute("SELECT spent FROM scratch").fetchone()[0] == 1400


def test_a_neighbouring_county_cannot_take_the_step(office):
    clerk, _ = office
    made = indicator(clerk)
    stranger = UserFactory(role=Role.FINANCE_CHECKER, at=TOWN)
    with pytest.raises(Indicator.DoesNotExist):
        services.advance_indicator(made.pk, "confirm", actor=stranger)
    assert made.county_code == COUNTY
