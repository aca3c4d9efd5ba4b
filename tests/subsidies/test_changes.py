"""更正: facts of a public policy change as one asked and another approved, and the database knows no other way."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from huimin.core.authority.roles import Role
from huimin.core.desk import todos
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.models import AuditEvent, Department
from huimin.core.work import verbs
from subsidies import services
from subsidies.models import Policy, PolicyChange
from tests.factories import UserFactory, grant
from tests.subsidies.factories import draft, people, published

pytestmark = pytest.mark.django_db
WRONG = "电话登记错了"


@pytest.fixture
def office():
    return people()


@pytest.fixture
def policy(office):
    return published(*office)


def ask(policy, office, **facts):
    return services.ask_change(policy, reason=WRONG, actor=office[0], **(facts or {"phone": "0564-7061234"}))


def test_a_public_fact_changes_when_another_person_approves(policy, office):
    change = ask(policy, office, phone="0564-7061234", payment_remark="地力补")
    policy.refresh_from_db()
    assert policy.phone == ""
    services.advance_change(change.pk, "approve", actor=office[1])
    policy.refresh_from_db()
    assert (policy.phone, policy.payment_remark) == ("0564-7061234", "地力补")
    event = AuditEvent.objects.get(subject=f"subsidies.policy:{policy.pk}", action="corrected")
    assert event.detail["changed"]["phone"] == ["", "0564-7061234"]
    assert event.note == WRONG


def test_the_department_is_corrected_by_its_key(policy, office):
    other = Department.objects.create(code="D77", name="县民政局")
    change = ask(policy, office, department=other)
    services.advance_change(change.pk, "approve", actor=office[1])
    policy.refresh_from_db()
    assert policy.department == other


def test_who_asked_does_not_approve(policy, office):
    change = ask(policy, office)
    with pytest.raises(StepForbidden):
        services.advance_change(change.pk, "approve", actor=office[0])
    grant(office[0], Role.FINANCE_CHECKER)
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_change(change.pk, "approve", actor=office[0])


def test_a_refused_change_changes_nothing_and_another_may_be_asked(policy, office):
    change = ask(policy, office)
    with pytest.raises(BadInput, match="还有一份更正等着审批"), transaction.atomic():
        ask(policy, office, basis="皖民〔2026〕1号")
    with pytest.raises(StepRefused, match="要写明原因"):
        services.advance_change(change.pk, "refuse", actor=office[1])
    verbs.advance(f"subsidies.policychange:{change.pk}", "refuse", actor=office[1], note="号码不通")
    policy.refresh_from_db()
    assert policy.phone == ""
    ask(policy, office, basis="皖民〔2026〕1号")


@pytest.mark.parametrize("name", ["frequency", "object_type", "code"])
def test_what_periods_rights_and_claims_stand_on_is_not_corrected(policy, office, name):
    with pytest.raises(BadInput, match="公开以后不能更正"):
        ask(policy, office, **{name: "monthly"})


def test_an_empty_change_a_bad_value_and_a_draft_are_refused(policy, office):
    with pytest.raises(BadInput, match="没有改动"):
        ask(policy, office, basis=policy.basis)
    with pytest.raises(BadInput, match="银行摘要"):
        ask(policy, office, payment_remark="一二三四五六七八")
    with pytest.raises(BadInput, match="原因"):
        services.ask_change(policy, reason=" ", actor=office[0], phone="1")
    with pytest.raises(StepRefused, match="草稿直接修改"):
        ask(draft(office[0]), office)
    assert not PolicyChange.objects.exists()


@pytest.mark.parametrize("facts", [{"phone": "1"}, {"is_protected": True}, {"frequency": "monthly"}])
def test_the_database_knows_no_other_way(policy, office, facts):
    ask(policy, office)  # asked for is not approved
    with pytest.raises(IntegrityError, match="要经更正"), transaction.atomic():
        Policy.objects.filter(pk=policy.pk).update(**facts)
    with pytest.raises(IntegrityError, match="没有经办人"), transaction.atomic():
        PolicyChange.objects.update(status="approved")
    with pytest.raises(IntegrityError, match="不能修改"), transaction.atomic():
        PolicyChange.objects.update(facts={"frequency": "monthly"})


def test_a_change_goes_its_way_by_the_pages(policy, office):
    clerk, checker = Client(), Client()
    clerk.force_login(office[0])
    checker.force_login(office[1])
    page = reverse("subsidies:policy-detail", args=[policy.pk])
    url = reverse("subsidies:change-ask", args=[policy.pk])
    assert url in clerk.get(page).content.decode()
    form = clerk.get(url).context["form"]
    given = {name: form[name].value() for name in form.fields if name != "is_protected"}
    given = {name: "" if value in (None, False) else value for name, value in given.items()}
    answer = clerk.post(url, given | {"phone": "0564-7061234", "reason": WRONG, "action_key": str(uuid4())})
    assert answer.status_code == 302
    shown = checker.get(page).content.decode()
    assert "等着审批的更正" in shown
    assert "0564-7061234" in shown
    assert [one.count for one in todos.for_user(office[1]) if one.title == "政策更正待审批"] == [1]
    change = PolicyChange.objects.get()
    step = reverse("subsidies:change-step", args=[change.pk, "approve"])
    checker.post(step, {"action_key": str(uuid4())})
    policy.refresh_from_db()
    assert policy.phone == "0564-7061234"
    stranger = Client()
    stranger.force_login(UserFactory(role=Role.RECONCILER))
    assert stranger.get(url).status_code == 403


def by_sql(policy, **facts):
    with transaction.atomic():
        Policy.objects.filter(pk=policy.pk).update(**facts)


def test_by_sql_a_correction_that_another_one_followed_is_not_put_back(policy, office):
    for shielded in (True, False, True):
        change = ask(policy, office, is_protected=shielded)
        services.advance_change(change.pk, "approve", actor=office[1])
    with pytest.raises(IntegrityError, match="公开以后要经更正"):
        by_sql(policy, is_protected=False)
    policy.refresh_from_db()
    assert policy.is_protected


def test_by_sql_what_was_published_is_not_put_back_after_a_correction_of_something_else(policy, office):
    for facts in ({"phone": "0564-7061234"}, {"payment_remark": "地力补"}):
        services.advance_change(ask(policy, office, **facts).pk, "approve", actor=office[1])
    for facts in ({"phone": ""}, {"payment_remark": "示例补贴"}):
        with pytest.raises(IntegrityError, match="公开以后要经更正"):
            by_sql(policy, **facts)
