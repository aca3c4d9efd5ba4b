"""Files rest encrypted and are found when touched; messages go out once and wait longer after each failure."""

import json
import tracemalloc
from datetime import timedelta

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed

from huimin.core import clock, proofs, tasks
from huimin.core.accounts.credentials import OfficeAuthentication
from huimin.core.accounts.services import issue_credential
from huimin.core.authority.roles import Role
from huimin.core.desk.middleware import client_ip
from huimin.core.errors import BadInput, Refused
from huimin.core.models import AuditEvent, FileChunk, Message
from huimin.core.records import files
from huimin.core.work import clock_control, messages
from huimin.core.work.messages import Letter
from tests import servers
from tests.factories import COUNTY, UserFactory
from tests.plans import rows_read_by

SECRET = "汪正兰的名单".encode() * 1000


def keep(content=SECRET):
    return files.store(content, name="名单.txt", purpose="test", content_type="text/plain", actor=None)


@pytest.mark.django_db
def test_a_stored_file_comes_back_whole_and_rests_encrypted():
    stored = keep()
    assert files.read(stored) == SECRET
    assert (stored.size, stored.sha256) == (len(SECRET), files.digest_of(SECRET))
    resting = b"".join(bytes(chunk.data) for chunk in FileChunk.objects.all())
    assert "汪正兰".encode() not in resting


@pytest.mark.django_db
def test_a_file_of_several_frames_comes_back_whole():
    content = bytes(range(256)) * 10_000
    assert files.read(keep(content)) == content


@pytest.mark.django_db
def test_keeping_a_large_file_takes_the_memory_of_some_frames(tmp_path):
    path = tmp_path / "return.txt"
    path.write_bytes(bytes(24 * files.FRAME))
    with path.open("rb") as source:
        tracemalloc.start()
        try:
            stored = keep(source)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert stored.size == 24 * files.FRAME
    assert peak < 12 * files.FRAME


def test_a_touched_file_is_named_by_its_proof(committed_db):
    stored = keep()
    assert list(files.verify_all()) == []
    with psycopg.connect(servers.owner_url(committed_db)) as owner:
        owner.execute("ALTER TABLE core_filechunk DISABLE TRIGGER USER")
        owner.execute("UPDATE core_filechunk SET data = set_byte(data, 100, (get_byte(data, 100) + 1) % 256)")
    assert list(files.verify_all()) == [stored]
    assert proofs.stored_files()[1] == [f"名单.txt（{stored.pk}）"]


class Broken:
    def send(self, message):
        raise ConnectionError("gateway away")


class Counting:
    sent: list = []

    def send(self, message):
        self.sent.append(message.pk)


@pytest.mark.django_db
def test_a_failed_message_waits_twice_as_long_each_time(monkeypatch):
    monkeypatch.setattr(messages, "providers", lambda: {"sms": Broken()})
    message = messages.queue("sms", recipient="13900000000", body="到账", subject="x")
    waits = []
    for _ in range(3):
        Message.objects.update(next_at=timezone.now() - timedelta(seconds=1))
        assert messages.deliver() == 0
        message.refresh_from_db()
        waits.append(round((message.next_at - timezone.now()).total_seconds() / 30))
    assert waits == [1, 2, 4]
    assert message.error == "ConnectionError"
    assert messages.deliver() == 0


@pytest.mark.django_db
def test_many_messages_are_queued_as_one_is():
    messages.queue("sms", recipient="13900000000", body="到账", subject="x")
    assert (
        messages.queue_many("sms", [Letter("13900000000", "到账", "x"), Letter("13900000001", "退回", "y")])
        == 2
    )
    one, *many = Message.objects.order_by("pk")
    assert [(row.recipient, row.body, row.subject) for row in many] == [
        ("13900000000", "到账", "x"),
        ("13900000001", "退回", "y"),
    ]
    own = {"id", "created_at", "next_at"}
    same = [field.attname for field in Message._meta.concrete_fields if field.attname not in own]
    assert [getattr(one, name) for name in same] == [getattr(many[0], name) for name in same]
    assert "13900000001" not in repr(Letter("13900000001", "退回", "y"))


def test_two_deliverers_at_once_send_each_message_once(committed_db, run_in_threads, monkeypatch):
    Counting.sent = []
    monkeypatch.setattr(messages, "providers", lambda: {"sms": Counting()})
    for _ in range(10):
        messages.queue("sms", recipient="13900000000", body="到账", subject="x")
    run_in_threads(lambda index: messages.deliver(), 3)
    assert len(Counting.sent) == len(set(Counting.sent)) == 10


# a year of delivered messages, a channel that nobody serves, and few that wait
PAST_MESSAGES = """
INSERT INTO core_message (channel, recipient, body, subject, attempts, error, delivered_at)
SELECT 'sms', '', '', '', 1, '', now() FROM generate_series(1, 20000);
INSERT INTO core_message (channel, recipient, body, subject, attempts, error)
SELECT CASE WHEN n <= 5000 THEN 'mail' ELSE 'sms' END, '', '', '', 0, '' FROM generate_series(1, 5300) n;
ANALYZE core_message
"""


@pytest.mark.django_db
def test_taking_messages_reads_those_that_wait_on_its_channel_and_none_delivered(owner_connection):
    owner_connection.execute(PAST_MESSAGES)
    assert rows_read_by(owner_connection, messages.due("sms")[:100])["core_message"] == 100


@pytest.mark.django_db
def test_a_block_of_messages_is_looked_for_once(monkeypatch):
    monkeypatch.setattr(messages, "providers", lambda: {"sms": Counting()})
    for _ in range(3):
        messages.queue("sms", recipient="13900000000", body="到账", subject="x")
    with CaptureQueriesContext(connection) as captured:
        assert messages.deliver(limit=2) == 2
    assert (
        sum("ORDER BY" in one["sql"] and "next_at" in one["sql"].split("ORDER BY")[1] for one in captured)
        == 1
    )
    assert messages.deliver() == 1


def test_while_one_delivers_another_does_not_wait_in_the_same_queue(
    committed_db, owner_connection, monkeypatch
):
    monkeypatch.setattr(messages, "providers", lambda: {"sms": Counting()})
    messages.queue("sms", recipient="13900000000", body="到账", subject="x")
    owner_connection.execute("SELECT pg_advisory_lock(%s)", [messages._DELIVERY_LOCK])
    assert messages.deliver() == 0
    owner_connection.execute("SELECT pg_advisory_unlock(%s)", [messages._DELIVERY_LOCK])
    assert messages.deliver() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("providers", [{}, {"sms": "off"}])
def test_a_message_without_a_provider_waits_and_is_not_called_delivered(settings, providers):
    settings.MESSAGE_PROVIDERS = providers
    message = messages.queue("sms", recipient="13900000000", body="到账", subject="x")
    assert messages.deliver() == 0
    message.refresh_from_db()
    assert message.delivered_at is None


@pytest.mark.django_db
class TestCredential:
    def test_the_security_administrator_gives_and_ends_it_by_command(self, capsys):
        bank = UserFactory(role=Role.BANK, at=COUNTY)
        guard = UserFactory(role=Role.SECURITY_ADMIN, at=COUNTY)
        words = {"username": guard.username, "json": True}
        call_command("credential", account=bank.username, scope=["payment_file"], **words)
        told = json.loads(capsys.readouterr().out)
        request = RequestFactory().get(
            "/", headers={"Authorization": f"Huimin {told['key_id']}:{told['secret']}"}
        )
        assert OfficeAuthentication().authenticate(request)[0] == bank
        call_command("credential", revoke=told["key_id"], **words)
        with pytest.raises(AuthenticationFailed):
            OfficeAuthentication().authenticate(request)
        trail = AuditEvent.objects.filter(action__startswith="credential.").values_list("action", flat=True)
        assert sorted(trail) == ["credential.issue", "credential.revoke"]

    def test_nobody_else_gives_one_and_nobody_to_themselves(self):
        bank = UserFactory(role=Role.BANK, at=COUNTY)
        guard = UserFactory(role=Role.SECURITY_ADMIN, at=COUNTY)
        for actor, acts_as in ((bank, guard), (guard, guard)):
            with pytest.raises(Refused):
                issue_credential(acts_as, scopes=["payment_file"], actor=actor)
        with pytest.raises(BadInput):
            issue_credential(bank, scopes=["everything"], actor=guard)


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        (0, "1.2.3.4", "10.0.0.9"),
        (1, "1.2.3.4, 10.0.0.1", "10.0.0.1"),
        (1, "", "10.0.0.9"),
        (2, "6.6.6.6, 1.2.3.4, 10.0.0.1", "1.2.3.4"),
        (2, "6.6.6.6", "10.0.0.9"),
    ],
)
def test_a_forged_forwarded_for_changes_nothing(settings, proxies, header, address):
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.9", HTTP_X_FORWARDED_FOR=header)
    assert client_ip(request) == address


@pytest.mark.django_db
@pytest.mark.parametrize("damage", ["secret", "key", "revoked", "suspended"])
def test_every_miss_of_a_credential_is_the_same_refusal(damage):
    from rest_framework.exceptions import AuthenticationFailed

    user = UserFactory()
    credential, secret = issue_credential(user, scopes=["payment_file"], actor=None)
    key = credential.key_id

    def ask(key, secret):
        return OfficeAuthentication().authenticate(
            RequestFactory().get("/", HTTP_AUTHORIZATION=f"Huimin {key}:{secret}")
        )

    assert ask(key, secret)[0] == user
    if damage == "revoked":
        type(credential).objects.update(revoked_at=timezone.now())
    if damage == "suspended":
        type(user).objects.filter(pk=user.pk).update(is_active=False)
    with pytest.raises(AuthenticationFailed, match="凭据不正确或已停用"):
        ask("0" * 16 if damage == "key" else key, "wrong" if damage == "secret" else secret)


def test_the_business_clock_moves_as_the_owner_and_never_in_production(committed_db, settings):
    settings.DATABASE_OWNER_URL = servers.owner_url()
    clock_control.advance(clock_control.parse_span("-60d"))
    assert clock.offset() == timedelta(days=-60)
    assert clock.today() == timezone.localdate() - timedelta(days=60)
    clock_control.set_shift(timedelta(0))
    settings.ENVIRONMENT = "production"
    with pytest.raises(Refused, match="正式环境"):
        clock_control.advance(timedelta(days=1))
    assert clock.offset() == timedelta(0)
    connection.close()


@pytest.mark.parametrize("text", ["7", "d", "7w", "七天", "--7d"])
def test_a_span_that_is_none_is_told(text):
    with pytest.raises(BadInput):
        clock_control.parse_span(text)


def written(number, *, days):
    """Messages delivered so many days ago, or still waiting (None)."""
    at = days if days is None else timezone.now() - timedelta(days=days)
    rows = [
        Message(channel="sms", recipient="1", body="1", subject="t", delivered_at=at) for _ in range(number)
    ]
    Message.objects.bulk_create(rows)


@pytest.mark.django_db
def test_what_was_delivered_long_ago_is_forgotten_in_blocks_and_what_waits_is_not(settings, monkeypatch):
    settings.MESSAGES_KEPT_DAYS = 90
    monkeypatch.setattr(messages, "BLOCK", 2)
    written(5, days=91)
    written(1, days=89)
    written(1, days=None)
    assert messages.forget(blocks=1) == 2
    assert tasks.forget_old() == 3
    assert tasks.forget_old() == 0
    assert Message.objects.count() == 2


@pytest.mark.django_db
def test_forgetting_reads_what_it_forgets_alone(owner_connection, settings):
    old = Message.objects.filter(delivered_at__lt=timezone.now()).order_by("delivered_at").values("pk")[:10]
    owner_connection.execute(
        """INSERT INTO core_message (channel, recipient, body, subject, attempts, error, delivered_at)
           SELECT 'sms', '', '', '', 0, '', now() + interval '1 day' FROM generate_series(1, 5000); ANALYZE core_message"""
    )
    assert rows_read_by(owner_connection, old)["core_message"] == 0


@pytest.mark.django_db
def test_ended_sessions_are_forgotten_and_others_are_not():
    for key, days in (("ended", -1), ("open", 1)):
        Session.objects.create(session_key=key, expire_date=timezone.now() + timedelta(days=days))
    tasks.forget_old()
    assert [one.session_key for one in Session.objects.all()] == ["open"]


@pytest.mark.django_db
def test_vacuum_comes_to_messages_after_a_fixed_number_of_dead_rows():
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'core_message'")
        assert "autovacuum_vacuum_scale_factor=0" in cursor.fetchone()[0]
