"""The policy list: who may do what, and that what is published stays."""

from contextlib import nullcontext
from datetime import date
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.models import AuditEvent
from huimin.core.values.periods import Period
from huimin.core.work.verbs import advance
from subsidies import services
from subsidies.models import Policy, PolicyVersion
from tests.factories import TOWN, DivisionFactory, UserFactory, grant
from tests.subsidies.factories import FLAT, draft, people, policy_facts, published, version_facts

pytestmark = pytest.mark.django_db


@pytest.fixture
def office():
    return people()


def test_a_policy_goes_from_draft_to_the_public_in_two_pairs_of_hands(office):
    clerk, checker = office
    policy = draft(clerk)
    advance(f"subsidies.policy:{policy.pk}", "submit", actor=clerk)
    advance(f"subsidies.policy:{policy.pk}", "publish", actor=checker)
    policy.refresh_from_db()
    assert policy.status == "published"
    assert policy.version_on(date(2026, 6, 1)).required_facts == [
        {"name": "quantity", "label": "面积", "unit": "亩", "choices": []}
    ]
    actions = list(
        AuditEvent.objects.filter(subject=f"subsidies.policy:{policy.pk}").values_list("action", flat=True)
    )
    assert sorted(actions) == ["add_version", "draft", "publish", "submit"]
    version = policy.versions.get()
    of_version = AuditEvent.objects.filter(subject=f"subsidies.policyversion:{version.pk}").order_by("pk")
    assert [event.action for event in of_version] == ["submit", "publish"]
    assert (version.status, version.published_at is not None) == ("published", True)


def test_its_maker_cannot_publish_even_with_the_checkers_role(office):
    clerk, _ = office
    policy = draft(clerk)
    services.advance_policy(policy.pk, "submit", actor=clerk)
    grant(clerk, Role.FINANCE_CHECKER)
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_policy(policy.pk, "publish", actor=clerk)
    assert not PolicyVersion.objects.filter(published_at__isnull=False).exists()


@pytest.mark.parametrize("role", [Role.TOWNSHIP_CLERK, Role.FINANCE_CHECKER, Role.SUPERVISOR])
def test_other_roles_cannot_draft(office, role):
    with pytest.raises(StepForbidden, match="须由"):
        draft(UserFactory(role=role))


def test_a_policy_without_a_standard_is_not_sent(office):
    clerk, _ = office
    policy = draft(clerk, version=False)
    with pytest.raises(StepRefused, match="还没有补贴标准"):
        services.advance_policy(policy.pk, "submit", actor=clerk)


def test_a_policy_sent_back_can_be_revised_and_sent_again(office):
    clerk, checker = office
    policy = draft(clerk)
    services.advance_policy(policy.pk, "submit", actor=clerk)
    with pytest.raises(StepRefused, match="只有草稿可以修改"):
        services.revise_policy(policy, actor=clerk, name="改名")
    services.advance_policy(policy.pk, "rework", actor=checker, note="依据写错")
    services.revise_policy(policy, actor=clerk, basis="财农〔2026〕1号")
    services.advance_policy(policy.pk, "submit", actor=clerk)
    event = AuditEvent.objects.get(action="revise")
    assert event.detail["changed"]["basis"] == ["财农〔2016〕26号", "财农〔2026〕1号"]


def test_a_code_is_used_once(office):
    clerk, _ = office
    draft(clerk, code="NY01")
    with pytest.raises(BadInput, match="项目编码已经用过"):
        draft(clerk, code="NY01")


def test_the_bank_remark_has_at_most_seven_characters(office):
    with pytest.raises(BadInput, match="银行摘要"):
        draft(office[0], payment_remark="耕地地力保护补贴")


def test_suspending_wants_a_reason_and_can_be_undone(office):
    policy = published(*office)
    with pytest.raises(StepRefused, match="要写明原因"):
        services.advance_policy(policy.pk, "suspend", actor=office[1])
    services.advance_policy(policy.pk, "suspend", actor=office[1], note="审计要求")
    services.advance_policy(policy.pk, "resume", actor=office[1], note="整改完成")
    services.advance_policy(policy.pk, "abolish", actor=office[1], note="上级取消")
    with pytest.raises(StepRefused, match="当前状态为“已作废”"):
        services.advance_policy(policy.pk, "resume", actor=office[1], note="再用")


def test_an_unknown_step_is_named(office):
    with pytest.raises(BadInput, match="没有“fly”这一步"):
        services.advance_policy(draft(office[0]).pk, "fly", actor=office[0])


def test_a_new_version_ends_the_earlier_one_on_the_day_before(office):
    clerk, checker = office
    policy = published(clerk, checker)
    second = services.add_version(
        policy, actor=clerk, **version_facts(valid_from=date(2027, 1, 1), standard_text="90.00 元/亩")
    )
    advance(f"subsidies.policyversion:{second.pk}", "submit", actor=clerk)
    advance(f"subsidies.policyversion:{second.pk}", "publish", actor=checker)
    first, second = policy.versions.order_by("number")
    assert (first.valid.upper, second.valid.lower) == (date(2027, 1, 1), date(2027, 1, 1))
    assert policy.version_on(date(2026, 12, 31)) == first
    assert policy.version_on(date(2027, 1, 1)) == second


def test_the_maker_of_a_version_cannot_publish_it(office):
    clerk, checker = office
    policy = published(clerk, checker)
    version = services.add_version(policy, actor=clerk, **version_facts(valid_from=date(2027, 1, 1)))
    services.advance_version(version.pk, "submit", actor=clerk)
    with pytest.raises(StepForbidden):
        services.advance_version(version.pk, "publish", actor=clerk)
    grant(clerk, Role.FINANCE_CHECKER)
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_version(version.pk, "publish", actor=clerk)


def test_a_later_version_is_not_published_before_its_maker_sent_it(office):
    clerk, checker = office
    policy = published(clerk, checker)
    version = services.add_version(policy, actor=clerk, **version_facts(valid_from=date(2027, 1, 1)))
    with pytest.raises(StepRefused, match="当前状态为“草稿”"):
        services.advance_version(version.pk, "publish", actor=checker)
    refused = pytest.raises(DatabaseError, match="Invalid transition")
    with refused, transaction.atomic():
        PolicyVersion.objects.filter(pk=version.pk).update(status="published")


def test_a_later_version_that_was_sent_is_fixed_until_it_is_sent_back(office):
    clerk, checker = office
    policy = published(clerk, checker)
    version = services.add_version(policy, actor=clerk, **version_facts(valid_from=date(2027, 1, 1)))
    services.advance_version(version.pk, "submit", actor=clerk)
    with pytest.raises(StepRefused, match="当前状态为“待审批”"):
        services.revise_version(version, actor=clerk, valid_from=date(2027, 7, 1))
    with pytest.raises(StepRefused, match="当前状态为“待审批”"):
        services.discard_version(version, actor=clerk, note="不要了")
    refused = pytest.raises(DatabaseError, match="已送审的政策版本不能修改")
    with refused, transaction.atomic():
        PolicyVersion.objects.filter(pk=version.pk).update(standard_text="100 元")
    with pytest.raises(DatabaseError), transaction.atomic():
        PolicyVersion.objects.filter(pk=version.pk).delete()
    with pytest.raises(StepRefused, match="写明原因"):
        services.advance_version(version.pk, "rework", actor=checker)
    services.advance_version(version.pk, "rework", actor=checker, note="日期写错")
    services.revise_version(version, actor=clerk, valid_from=date(2027, 7, 1))
    services.advance_version(version.pk, "submit", actor=clerk)
    done = services.advance_version(version.pk, "publish", actor=checker)
    assert (done.status, done.valid.lower) == ("published", date(2027, 7, 1))


def test_who_made_any_version_of_a_policy_publishes_none_of_it(office):
    clerk, checker = office
    policy = published(clerk, checker)
    version = services.add_version(
        policy, actor=UserFactory(role=Role.DEPARTMENT_CLERK), **version_facts(valid_from=date(2027, 1, 1))
    )
    services.advance_version(version.pk, "submit", actor=version.made_by)
    grant(clerk, Role.FINANCE_CHECKER)
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_version(version.pk, "publish", actor=clerk)


def test_a_first_version_goes_its_way_with_its_policy_alone(office):
    clerk, checker = office
    policy = draft(clerk)
    version = policy.versions.get()
    with pytest.raises(StepRefused, match="随政策一起"):
        services.advance_version(version.pk, "submit", actor=clerk)
    statuses = []
    for step, actor in (("submit", clerk), ("rework", checker), ("submit", clerk), ("publish", checker)):
        services.advance_policy(policy.pk, step, actor=actor, note="依据写错")
        version.refresh_from_db()
        statuses.append(version.status)
    assert statuses == ["submitted", "draft", "submitted", "published"]


def test_nobody_but_the_makers_gives_a_version_up(office):
    clerk, checker = office
    policy = published(clerk, checker)
    version = services.add_version(policy, actor=clerk, **version_facts(valid_from=date(2027, 1, 1)))
    with pytest.raises(StepForbidden, match="须由"):
        services.advance_version(version.pk, "discard_version", actor=checker, note="文件未到")


@pytest.mark.parametrize("step", ["draft", "revise", "add_version"])
def test_an_act_is_not_taken_for_a_step_of_the_policy(office, step):
    with pytest.raises(BadInput, match="没有"):
        services.advance_policy(draft(office[0]).pk, step, actor=office[0])


def test_a_version_that_overlaps_published_time_is_refused(office):
    clerk, checker = office
    policy = published(clerk, checker, version={"valid_from": date(2026, 1, 1)})
    version = services.add_version(policy, actor=clerk, **version_facts(valid_from=date(2025, 6, 1)))
    services.advance_version(version.pk, "submit", actor=clerk)
    with pytest.raises(StepRefused, match="重叠"):
        services.advance_version(version.pk, "publish", actor=checker)
    assert policy.versions.get(number=1).valid.upper is None


def test_one_draft_version_at_a_time(office):
    clerk, checker = office
    policy = published(clerk, checker)
    services.add_version(policy, actor=clerk, **version_facts(valid_from=date(2027, 1, 1)))
    with pytest.raises(StepRefused, match="已有一个未发布的版本"):
        services.add_version(policy, actor=clerk, **version_facts(valid_from=date(2028, 1, 1)))


def test_a_draft_version_is_revised_or_given_up_with_a_reason(office):
    clerk, checker = office
    policy = published(clerk, checker)
    version = services.add_version(policy, actor=clerk, **version_facts(valid_from=date(2027, 1, 1)))
    services.revise_version(version, actor=clerk, valid_from=date(2027, 7, 1), notice_days=5)
    version.refresh_from_db()
    assert (version.valid.lower, version.notice_days) == (date(2027, 7, 1), 5)
    with pytest.raises(StepRefused, match="写明原因"):
        services.discard_version(version, actor=clerk, note="")
    services.discard_version(version, actor=clerk, note="文件未到")
    assert policy.versions.count() == 1


def test_a_published_version_is_not_revised_by_a_service(office):
    policy = published(*office)
    with pytest.raises(StepRefused, match="已经发布，不能修改"):
        services.revise_version(policy.versions.get(), actor=office[0], valid_from=date(2026, 1, 1))


@pytest.mark.parametrize(
    "change", ["standard_text = '100 元'", "amount_rule = '{}'", "notice_days = 1", "published_at = NULL"]
)
def test_the_database_refuses_to_change_a_published_version(office, change):
    version = published(*office).versions.get()
    refused = pytest.raises(DatabaseError, match="已发布的政策版本不能修改")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE subsidies_policyversion SET {change} WHERE id = %s", [version.pk])


def test_the_database_refuses_to_delete_a_published_version(office):
    version = published(*office).versions.get()
    with pytest.raises(DatabaseError), transaction.atomic():
        version.delete()


def test_a_faulty_rule_is_refused_before_anything_is_kept(office):
    clerk, _ = office
    policy = draft(clerk, version=False)
    with pytest.raises(BadInput, match="不认识"):
        services.add_version(policy, actor=clerk, **version_facts(amount_rule={"op": "eval"}))
    assert not policy.versions.exists()


def test_dates_run_forwards(office):
    policy = draft(office[0], version=False)
    with pytest.raises(BadInput, match="截止日期不能早于"):
        services.add_version(policy, actor=office[0], **version_facts(valid_to=date(2025, 1, 1)))


def test_another_countys_staff_do_not_see_the_list(office):
    policy = published(*office)
    elsewhere = "341525000000"
    DivisionFactory(code=elsewhere, name="霍山县")
    assert not Policy.objects.visible_to(UserFactory(role=Role.FINANCE_CHECKER, at=elsewhere)).exists()
    assert policy in Policy.objects.visible_to(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))


def test_a_period_is_paid_by_the_version_in_force_on_its_first_day(office):
    clerk, checker = office
    policy = published(clerk, checker, frequency="quarterly", version={"valid_from": date(2026, 2, 1)})
    version = policy.versions.get()
    assert services.version_for(policy, "2026年第2季度", act="申报")[1] == version
    for period in ("2026Q1", "2025Q4"):
        with pytest.raises(BadInput, match="没有已发布的标准，不能建批次"):
            services.version_for(policy, period, act="建批次")
    with pytest.raises(BadInput, match="按季发放，期次“2026”不对"):
        services.version_for(policy, "2026", act="申报")
    services.advance_policy(policy.pk, "suspend", actor=checker, note="审计要求")
    policy.refresh_from_db()
    with pytest.raises(StepRefused, match="已暂停，不能申报"):
        services.version_for(policy, "2026Q2", act="申报")


def test_the_select_of_periods_runs_from_the_first_version_to_the_period_after_today(office):
    published(*office, frequency="quarterly", version={"valid_from": date(2026, 2, 1)})
    (group,) = services.periods_of(Policy.objects.all(), today=date(2026, 7, 2))
    assert group == (
        "按季",
        [
            ("2026Q4", "2026年第4季度（还没有开始）"),
            ("2026Q3", "2026年第3季度"),
            ("2026Q2", "2026年第2季度"),
            ("2026Q1", "2026年第1季度"),
        ],
    )


@pytest.mark.parametrize(
    ("period", "is_refused"),
    [("2027", False), ("2028", True), ("2026-08", False), ("2026-09", True), ("2027-11", True)],
)
def test_nothing_is_prepared_more_than_one_period_ahead(period, is_refused):
    with pytest.raises(BadInput, match="还太早，最多提前一期申报") if is_refused else nullcontext():
        services.refuse_too_early(Period.parse(period), act="申报", today=date(2026, 7, 2))


def test_facts_of_the_factories_are_a_whole_policy():
    assert policy_facts()["payment_remark"]
    assert Decimal(FLAT["args"][1]["value"]) == Decimal("86.90")
