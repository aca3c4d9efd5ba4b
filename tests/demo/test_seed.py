"""The demo's county comes up whole, twice the same, and its people can act."""

import json
import re
from io import StringIO

import pytest
from django.contrib.auth.hashers import check_password
from django.core.management import CommandError, call_command

from disbursement.models import Batch, PaymentOrder, ReturnFile, Roster
from disbursement.states import OrderStatus, ReturnStatus, RosterStatus
from huimin.core import clock
from huimin.core.authority.roles import Role
from huimin.core.desk import todos
from huimin.core.models import AuditEvent, Grant, User
from huimin.core.records import audit, proofs
from huimin.core.values.identity import check_digits_ok
from huimin.demo import accounts, story
from publicity.models import Disclosure
from recipients.models import Declaration, Entitlement, HeadChange, Household, Objection, Suspension
from recipients.states import DeclarationStatus, EntitlementStatus
from tests import servers


@pytest.fixture
def seeded(committed_db, settings):
    settings.DATABASE_OWNER_URL = servers.owner_url()
    call_command("seed_demo", households=20, bare=True)


def listed(*arguments):
    out = StringIO()
    call_command("accounts", *arguments, stdout=out)
    return out.getvalue()


def test_the_county_comes_up_whole_with_invented_people_for_every_role(seeded):
    rows = json.loads(listed("--json"))
    assert {row["role"] for row in rows} == set(Role)
    assert len(rows) == len(Role)
    some = User.objects.get(username=rows[0]["username"])
    assert check_password(rows[0]["password"], some.password)
    for user in User.objects.all():
        assert user.id_number.startswith("99")
        assert check_digits_ok(user.id_number)
    departments = Grant.objects.filter(role=Role.DEPARTMENT_CLERK)
    assert departments.count() == 5
    assert all(grant.policy_ids for grant in departments.in_force())
    text = listed()
    assert "Huimin-2026" in text
    assert accounts.shown_secret() in text
    assert Household.objects.count() == 20


def test_seeding_ends_on_the_real_day_sealed_and_a_second_one_changes_nothing(seeded):
    assert clock.offset().total_seconds() == 0
    state = audit.verify_chain()
    assert (state.broken_at, state.unsealed) == (0, 0)
    before = AuditEvent.objects.count(), User.objects.count(), Grant.objects.count()
    call_command("seed_demo", "--if-empty")
    accounts.make_accounts("341524000000")
    assert (AuditEvent.objects.count(), User.objects.count(), Grant.objects.count()) == before
    with pytest.raises(CommandError, match="已经准备过"):
        call_command("seed_demo")


def test_production_gets_no_demo(committed_db, settings):
    settings.ENVIRONMENT = "production"
    with pytest.raises(CommandError, match="正式环境"):
        call_command("seed_demo")
    assert not User.objects.exists()


def statuses(model):
    return set(model.objects.values_list("status", flat=True))


def test_fewer_households_than_the_story_needs_are_refused_with_the_least_number(committed_db):
    with pytest.raises(CommandError, match="至少要 300 户"):
        call_command("seed_demo", households=299)
    assert not User.objects.exists()
    assert not AuditEvent.objects.exists()


def test_the_demos_one_password_is_hashed_once(seeded):
    assert len(set(User.objects.values_list("password", flat=True))) == 1
    assert User.objects.count() == len(accounts.posts())


def test_the_story_of_the_smallest_demo_leaves_something_in_every_state_and_every_proof_holds(
    committed_db, settings, tmp_path
):
    settings.DATABASE_OWNER_URL = servers.owner_url()
    call_command("seed_demo", households=story.LEAST_HOUSEHOLDS)
    assert statuses(Declaration) == set(DeclarationStatus) - {DeclarationStatus.WITHDRAWN}
    assert statuses(Roster) == set(RosterStatus) - {RosterStatus.CANCELLED}
    assert statuses(PaymentOrder) == set(OrderStatus) - {OrderStatus.CANCELLED}
    assert statuses(ReturnFile) == {ReturnStatus.UPLOADED, ReturnStatus.CONFIRMED}
    assert statuses(Entitlement) == set(EntitlementStatus)
    assert statuses(HeadChange) == {"asked", "approved"}
    assert {Batch.Kind.REGULAR, Batch.Kind.CORRECTION} == set(Batch.objects.values_list("kind", flat=True))
    assert set(Suspension.objects.values_list("kind", flat=True)) == set(Suspension.Kind.values)
    assert Declaration.objects.filter(payment_round__isnull=False).exists()
    assert Objection.objects.filter(status="open").exists()
    assert Disclosure.objects.exists()
    assert [one.name for one in proofs.run_all() if not one.holds] == []
    assert idle() <= NOTHING_TO_DO
    first_ten_minutes(tmp_path)


# who watches, answers for accounts, or works in rooms that have no cases yet
NOTHING_TO_DO = {
    Role.WINDOW_CLERK,
    Role.CENTER_DIRECTOR,
    Role.OVERSEER,
    Role.SYSTEM_ADMIN,
    Role.SECURITY_ADMIN,
    Role.AUDIT_ADMIN,
}


def idle():
    """Roles whose listed account finds nothing on its first page."""
    rows = json.loads(listed("--json"))
    return {row["role"] for row in rows if not todos.for_user(User.objects.get(username=row["username"]))}


def first_ten_minutes(folder):
    """The payment that README walks through, by the accounts that the demo prints for it."""
    checker, maker, treasurer, uploader, confirmer, publisher = (name for name, _ in accounts.ONE_PAYMENT)
    roster = Roster.objects.get(
        batch__policy__code="LY04", division_code="341524100000", status=RosterStatus.FINANCE_CHECK
    )
    call_command("advance", f"disbursement.roster:{roster.pk}", "pass_finance_check", username=checker)
    call_command("make_order", roster.pk, cross_bank=True, username=maker)
    order = PaymentOrder.objects.latest("pk")
    for step in ("sign", "send"):
        call_command("advance", f"disbursement.paymentorder:{order.pk}", step, username=treasurer)
    call_command("export_bank_file", order.pk, out=folder, username=treasurer)
    file = folder / f"{order.number}.txt"
    call_command("bank_simulator", file, seed=7, fail="0.1")
    call_command("import_return", file.with_name(f"{order.number}_return.txt"), username=uploader)
    answer = ReturnFile.objects.latest("pk")
    with pytest.raises(SystemExit):
        call_command("confirm_return", answer.pk, username=uploader)
    call_command("confirm_return", answer.pk, username=confirmer)
    call_command("publish_disclosure", roster.pk, username=publisher)
    order.refresh_from_db()
    assert order.status == OrderStatus.SETTLED


def test_accounts_lists_those_of_one_payment_with_codes_and_says_how_to_see_all(seeded):
    text = listed()
    rows = {row["username"]: row for row in json.loads(listed("--all", "--json"))}
    for username, act in accounts.ONE_PAYMENT:
        assert re.search(rf"{username} +{rows[username]['name']}\t{act}", text)
    walk = text.split("办一笔付款要用的账号")[1]
    signing = [username for username, _ in accounts.ONE_PAYMENT if rows[username]["code"]]
    assert {"treasury2", "reconcile2"} <= set(signing)
    assert len(re.findall(r"动态口令 \d{6}", walk)) == len(signing)
    assert "run.py accounts --all" in text
    assert "reconcile2" in listed("--all")


@pytest.mark.django_db
def test_accounts_of_an_empty_database_say_what_to_run():
    with pytest.raises(CommandError, match=r"还没有演示数据，请先运行 python3 run\.py"):
        call_command("accounts")
