"""Nobody with the app's role talks a trigger out of its work."""

import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction

from huimin.core import proofs
from huimin.core.authority.duties import Duty
from huimin.core.models import Involvement
from huimin.core.records import audit
from tests.factories import UserFactory


def run(*statements):
    with transaction.atomic(), connection.cursor() as cursor:
        for one in statements:
            cursor.execute(one)


def names():
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(tgname, ',') FROM pg_trigger WHERE NOT tgisinternal")
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_a_session_that_asks_to_ignore_the_triggers_is_not_heard():
    user = UserFactory()
    with pytest.raises(ProgrammingError, match="is fixed"):
        run(
            f"SELECT set_config('pgtrigger.ignore', '{{{names()}}}', true)",
            f"UPDATE core_user SET person_key = '\\x{'00' * 16}' WHERE id = {user.pk}",
        )


@pytest.mark.django_db
def test_a_temporary_table_of_pairs_does_not_join_maker_and_checker():
    first, second = (
        {"subject": "x:1", "user": user, "duty": duty, "person_key": user.person_key}
        for user in [UserFactory()]
        for duty in (Duty.ORDER_MAKE, Duty.ORDER_SIGN)
    )
    run("DISCARD PLANS", "CREATE TEMP TABLE core_dutyconflict (id int, first text, second text)")
    Involvement.objects.create(**first)
    with pytest.raises(DatabaseError, match="involvement_separation"):
        Involvement.objects.create(**second)


def test_a_temporary_clock_does_not_move_the_business_day(committed_db):
    run("DISCARD PLANS", "CREATE TEMP TABLE core_clock (id int, shift interval)")
    run("INSERT INTO pg_temp.core_clock VALUES (1, '60 days')")
    with connection.cursor() as cursor:
        cursor.execute("SELECT business_now() - now() < interval '1 day'")
        assert cursor.fetchone()[0]
    run("DROP TABLE pg_temp.core_clock")


def test_nobody_writes_in_a_transaction_that_works_on_a_snapshot(committed_db):
    for level in ("REPEATABLE READ", "SERIALIZABLE"):
        with pytest.raises(DatabaseError, match="READ COMMITTED"):
            run(f"SET TRANSACTION ISOLATION LEVEL {level}", "UPDATE core_user SET name = name")


def test_an_opened_door_shows_in_the_proof(committed_db, owner_connection):
    assert proofs.guards()[1] == []
    owner_connection.execute("ALTER FUNCTION business_now() RESET search_path")
    owner_connection.execute("ALTER TABLE core_auditevent DISABLE TRIGGER USER")
    owner_connection.commit()
    found = proofs.guards()[1]
    assert "函数 business_now() 没有固定 search_path" in found
    assert any("被停用" in one for one in found)


@pytest.mark.django_db
def test_a_seal_that_does_not_fit_the_chain_is_refused():
    event = audit.record("x:1", action="a", actor=None)
    with pytest.raises(DatabaseError, match="does not fit"):
        run(
            f"INSERT INTO core_auditseal (seq, event_id, previous, digest) VALUES (1, {event.pk}, '\\x00', '\\x00')"
        )
