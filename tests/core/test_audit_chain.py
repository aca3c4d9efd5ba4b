"""The chain over the trail: every way of touching it as the owner is named, online and by the stand-alone verifier."""

import importlib.util
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import InternalError, ProgrammingError, connection

from huimin.core import clock, proofs
from huimin.core.authority.roles import Role
from huimin.core.models import ActionKey, AuditEvent, AuditSeal, UnsealedEvent, User
from huimin.core.records import audit
from tests import servers
from tests.factories import COUNTY, OTHER_TOWN, TOWN, UserFactory

SPEC = importlib.util.spec_from_file_location(
    "verify_chain", Path(settings.BASE_DIR) / "tools" / "verify_chain.py"
)
verify_chain = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(verify_chain)


def write(count=5, actor=None, place=""):
    actor = actor or UserFactory()
    return [audit.record("x:1", action=f"step{n}", actor=actor, division_code=place) for n in range(count)]


def as_owner(name, *statements):
    """Somebody with the owner's password who switches the triggers off first."""
    with psycopg.connect(servers.owner_url(name)) as owner:
        for table in ("core_auditevent", "core_auditseal"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            owner.execute(statement)


@pytest.fixture
def sealed(committed_db):
    events = write()
    audit.seal()
    return committed_db, [event.pk for event in events]


@pytest.mark.parametrize(
    ("tamper", "why"),
    [
        ("UPDATE core_auditevent SET note = '改了' WHERE id = {2}", "第 3 环所封的记录被改动"),
        ("UPDATE core_auditevent SET at = at - interval '1 day' WHERE id = {1}", "第 2 环所封的记录被改动"),
        ("UPDATE core_auditevent SET actor_id = NULL WHERE id = {0}", "第 1 环所封的记录被改动"),
        ("DELETE FROM core_auditseal WHERE event_id = {2}", "第 3 环缺失"),
        ("UPDATE core_auditseal SET previous = digest WHERE event_id = {3}", "第 4 环与上一环不相接"),
        (
            "DELETE FROM core_auditseal WHERE event_id IN ({4}, {1});"  # noqa: ISC004 -- one statement list
            "UPDATE core_auditseal SET seq = 2 WHERE event_id = {3}",
            "第 2 环与上一环不相接",
        ),
    ],
)
def test_a_change_made_as_the_owner_is_named(sealed, tamper, why):
    name, ids = sealed
    as_owner(name, tamper.format(*ids))
    state = audit.verify_chain()
    assert state.why == why


def test_a_deleted_event_is_named(sealed):
    name, ids = sealed
    as_owner(
        name,
        "ALTER TABLE core_auditseal DROP CONSTRAINT IF EXISTS core_auditseal_event_id_fkey",
        """DO $$ DECLARE c text; BEGIN FOR c IN SELECT conname FROM pg_constraint
           WHERE conrelid = 'core_auditseal'::regclass AND contype = 'f'
           LOOP EXECUTE 'ALTER TABLE core_auditseal DROP CONSTRAINT ' || c; END LOOP; END $$""",
        f"DELETE FROM core_auditevent WHERE id = {ids[2]}",
    )
    assert audit.verify_chain().why == "第 3 环所封的记录不见了"


def test_a_cut_tail_shows_against_the_heads_that_were_put_aside(sealed, tmp_path):
    name, ids = sealed
    heads = tmp_path / "heads.jsonl"
    heads.write_text(audit.head_line(clock.now()) + "\n", encoding="utf-8")
    chain = tmp_path / "chain.jsonl"
    call_command("export_chain", chain, stdout=StringIO())
    assert verify_chain.main([str(chain), str(heads)]) == 0
    as_owner(name, f"DELETE FROM core_auditseal WHERE event_id >= {ids[3]}")
    assert audit.verify_chain().broken_at == 0
    call_command("export_chain", chain, stdout=StringIO())
    assert verify_chain.main([str(chain), str(heads)]) == 1


def test_the_stand_alone_verifier_names_what_the_house_names(sealed, tmp_path, capsys):
    name, ids = sealed
    as_owner(name, f"UPDATE core_auditevent SET note = '改了' WHERE id = {ids[2]}")
    chain = tmp_path / "chain.jsonl"
    call_command("export_chain", chain, stdout=StringIO())
    assert verify_chain.main([str(chain)]) == 1
    assert "第 3 环所封的记录被改动" in capsys.readouterr().out


def test_an_exported_line_holds_what_was_digested(sealed, tmp_path):
    chain = tmp_path / "chain.jsonl"
    call_command("export_chain", chain, stdout=StringIO())
    lines = [json.loads(line) for line in chain.read_text(encoding="utf-8").splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5]
    assert all(
        verify_chain.link_digest(line["previous"], line["seq"], line["text"]) == line["digest"]
        for line in lines
    )


def test_writers_and_sealers_at_once_leave_one_whole_chain(committed_db, run_in_threads):
    actor = UserFactory()

    def work(index):
        if index % 2:
            return audit.seal()
        return [event.pk for event in write(10, actor)] and 0

    results = run_in_threads(work, 6)
    assert not [result for result in results if isinstance(result, Exception)]
    while audit.seal():
        pass
    state = audit.verify_chain()
    assert (state.links, state.broken_at, state.unsealed) == (AuditEvent.objects.count(), 0, 0)


@pytest.mark.django_db
def test_sealing_twice_seals_once():
    write()
    assert audit.seal() == 5
    assert audit.seal() == 0
    assert AuditSeal.objects.count() == 5


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "at", "sees"),
    [
        (Role.SUPERVISOR, COUNTY, {"town", "county", "nowhere"}),
        (Role.SUPERVISOR, TOWN, {"town"}),
        (Role.SUPERVISOR, OTHER_TOWN, set()),
        (Role.AUDIT_ADMIN, COUNTY, {"town", "county", "nowhere"}),
        (Role.FINANCE_CLERK, COUNTY, set()),
        (Role.SECURITY_ADMIN, COUNTY, set()),
    ],
)
def test_a_reader_sees_the_events_of_their_place(role, at, sees):
    reader, writer = UserFactory(role=role, at=at), UserFactory()
    for action, place in (("town", TOWN), ("county", COUNTY), ("nowhere", "")):
        audit.record("x:1", action=action, actor=writer, division_code=place)
    assert set(audit.visible_to(reader).values_list("action", flat=True)) == sees


class TestWaitingForASeal:
    def test_an_event_waits_until_it_is_sealed(self, committed_db):
        write(3)
        assert UnsealedEvent.objects.count() == 3
        audit.seal_all()
        assert UnsealedEvent.objects.count() == 0
        assert AuditSeal.objects.count() == 3

    def test_an_event_is_put_at_the_end_whatever_number_and_time_it_is_given(self, committed_db):
        last = write(2)[1]
        past = AuditEvent.objects.get(pk=last.pk)
        past.pk, past.at = last.pk + 1000, last.at - timedelta(days=300)
        past.business_at = past.at
        past.save(force_insert=True)
        event = AuditEvent.objects.latest("pk")
        assert last.pk < event.pk < last.pk + 1000
        assert min(event.at, event.business_at) >= last.at

    def test_nobody_takes_an_unsealed_event_off_the_list(self, committed_db):
        write(1)
        with pytest.raises(ProgrammingError, match="not sealed yet"):
            UnsealedEvent.objects.all().delete()

    def test_a_list_that_the_owner_emptied_shows_in_the_proof(self, committed_db):
        write(2)
        with psycopg.connect(servers.owner_url(committed_db)) as owner:
            owner.execute("ALTER TABLE core_unsealedevent DISABLE TRIGGER USER")
            owner.execute("DELETE FROM core_unsealedevent")
        audit.seal_all()
        assert audit.verify_chain().unsealed == 2


@pytest.mark.django_db
def test_a_number_typed_into_a_note_does_not_stay_on_the_trail():
    event = audit.record("x:1", action="a", actor=None, note="联系13805641234，账号6222021234567890123")
    assert event.note == "联系［手机号已隐去］，账号［长数字已隐去］"


@pytest.mark.django_db
class TestTheGroundOfSeparation:
    """What every separation of duties stands on cannot be moved by the app."""

    def test_the_person_behind_an_account_is_fixed(self):
        user = UserFactory()
        with pytest.raises(ProgrammingError, match="is fixed"):
            User.objects.filter(pk=user.pk).update(person_key=b"0" * 16)

    @pytest.mark.parametrize("table", ["core_user", "core_grant", "core_actionkey"])
    def test_accounts_grants_and_taken_keys_are_never_deleted(self, table):
        user = UserFactory(role=Role.FINANCE_CLERK, at=COUNTY)
        ActionKey.objects.create(user=user, action="x")
        with pytest.raises((ProgrammingError, InternalError)), connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table}")


class TestHeadsPutAside:
    """`prove` reads the heads that were put aside outside the database."""

    @pytest.fixture(autouse=True)
    def outbox(self, settings, tmp_path):
        settings.OUTBOX_DIR = tmp_path
        return tmp_path

    def test_a_whole_chain_reaches_every_head(self, sealed):
        audit.anchor()
        write()
        audit.seal()
        audit.anchor()
        assert proofs.anchored_heads() == (2, [])

    def test_a_chain_that_was_cut_is_named_by_the_proof(self, sealed):
        name, ids = sealed
        audit.anchor()
        as_owner(name, f"DELETE FROM core_auditseal WHERE event_id >= {ids[3]}")
        assert audit.verify_chain().broken_at == 0
        (fault,) = proofs.anchored_heads()[1]
        assert "链头是第 5 环，现在的链里没有" in fault

    def test_a_chain_that_was_written_anew_is_named_by_the_proof(self, sealed):
        name, _ = sealed
        audit.anchor()
        as_owner(
            name,
            "DELETE FROM core_auditseal",
            "UPDATE core_auditevent SET note = '改了'",
            "INSERT INTO core_unsealedevent (event_id) SELECT id FROM core_auditevent",
        )
        audit.seal_all()
        assert audit.verify_chain().broken_at == 0
        (fault,) = proofs.anchored_heads()[1]
        assert "与现在的链不符（第 5 环）" in fault

    def test_heads_that_were_taken_away_are_missed_after_a_day(self, sealed, outbox):
        name, _ = sealed
        assert proofs.anchored_heads() == (0, [])
        as_owner(name, "UPDATE core_auditseal SET sealed_at = sealed_at - interval '25 hours'")
        (fault,) = proofs.anchored_heads()[1]
        assert fault == f"第 0 环以后一天多没有另存链头，请看 {outbox / 'audit'}"
        audit.anchor()
        assert proofs.anchored_heads() == (1, [])

    def test_a_line_that_is_no_head_is_named(self, sealed, outbox):
        path = Path(audit.anchor())
        path.write_text(path.read_text(encoding="utf-8") + '{"at": "x"}\n坏了\n', encoding="utf-8")
        assert proofs.anchored_heads() == (
            1,
            [f"{path.name} 第 2 行不是链头", f"{path.name} 第 3 行不是链头"],
        )
