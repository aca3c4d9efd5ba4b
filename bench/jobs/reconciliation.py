"""d: the bank's answer to a sent order: one line in a hundred failed, the rest was paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from bench import data
from bench.child import Stage
from disbursement.models import BankFile, PaymentOrder, ReturnFile
from disbursement.services import confirming, orders, returns
from disbursement.states import ORDER_FLOW
from huimin.core import clock
from huimin.core.authority.roles import Role
from huimin.core.bankformats.registry import get_format
from huimin.core.bankformats.simulator import simulate_return
from huimin.core.models import StoredFile
from huimin.core.records import files

RETURN = "return.txt"
# what the usual ways update: a table of payments that carry their own state
PEER_TABLES = """
CREATE TABLE bench_payment (id bigint PRIMARY KEY, reference varchar(13) NOT NULL UNIQUE, roster_id bigint NOT NULL,
    entitlement_id bigint NOT NULL, beneficiary_key bytea NOT NULL, amount numeric(14,2) NOT NULL,
    status varchar(16) NOT NULL, reason_code varchar(16) NOT NULL, bank_words varchar(120) NOT NULL, settled_on date);
INSERT INTO bench_payment SELECT id, 'P' || lpad(id::text, 12, '0'), roster_id, entitlement_id, beneficiary_key, amount, 'sent',
    '', '', NULL FROM disbursement_paymentline;
CREATE INDEX ON bench_payment (roster_id, status);
CREATE INDEX ON bench_payment (beneficiary_key, id DESC);
CREATE INDEX ON bench_payment (entitlement_id);
CREATE TABLE bench_history (id bigserial PRIMARY KEY, payment_id bigint NOT NULL, status varchar(16) NOT NULL,
    at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON bench_history (payment_id);
"""


def prepare(stage: Stage) -> None:
    """From the base of bank_file: sent by the service, answered by the simulated bank."""
    order = PaymentOrder.objects.get()
    order = orders.send_now(order.pk, actor=data.user(next(iter(ORDER_FLOW["send"].roles))))
    payroll = files.read(BankFile.objects.get(order=order).file)
    answer = simulate_return(
        payroll, seed=data.SEED, fail_rate=Decimal("0.01"), bank=get_format(order.bank_format)
    )
    (stage.folder / RETURN).write_bytes(answer)
    with connection.cursor() as cursor:
        cursor.execute(PEER_TABLES)


def answer_of(stage: Stage) -> bytes:
    return (stage.folder / RETURN).read_bytes()


def ours(stage: Stage) -> dict[str, Any]:
    """Upload and confirmation by two people: every check, kept file, evidence, results, claims, ledger, messages, trail."""
    content = answer_of(stage)
    uploader, confirmer = data.user(Role.BANK), data.user(Role.RECONCILER)
    with stage.timed():
        taken = returns.accept_return(content, RETURN, actor=uploader)
        confirming.apply_return(taken.return_file.pk, actor=confirmer)
    return proof()


STAGED = """CREATE TEMP TABLE staged (line_no int, reference text, amount numeric, result text, reason_code text,
    bank_words text) ON COMMIT DROP"""
EVIDENCE = """INSERT INTO disbursement_returnline (return_file_id, line_no, payment_line_id, outcome, reason, bank_code, bank_words,
        question)
    SELECT %(file)s, s.line_no, l.id, CASE s.result WHEN '0' THEN 'paid' ELSE 'failed' END, '', s.reason_code, s.bank_words, ''
    FROM staged s JOIN disbursement_paymentline l ON l.id = substr(s.reference, 2)::bigint AND l.amount = s.amount"""
RESULTS = """INSERT INTO disbursement_paymentresult (line_id, kind, return_file_id, file_line_no, reason, note, actor_id,
        business_on)
    SELECT l.id, CASE s.result WHEN '0' THEN 'paid' ELSE 'bank_failed' END, %(file)s, s.line_no, s.reason_code,
        s.bank_words, %(actor)s, %(today)s
    FROM staged s JOIN disbursement_paymentline l ON l.id = substr(s.reference, 2)::bigint AND l.amount = s.amount"""


def limit(stage: Stage) -> dict[str, Any]:
    """Split the text, COPY, join, INSERT into the same two tables (evidence and results) with their triggers; no checks."""
    content, order, actor = answer_of(stage), PaymentOrder.objects.get(), data.user(Role.RECONCILER)
    today = clock.today()
    with stage.timed(), transaction.atomic(), connection.cursor() as cursor:
        lines = content.decode("gb18030").split("\r\n")
        found = _return_file(order, actor, [line.split("|") for line in lines[1:-2]])
        cursor.execute(STAGED)
        with cursor.copy("COPY staged FROM STDIN") as copy:
            for number, line in enumerate(lines[1:-2], 2):
                cells = line.split("|")
                copy.write_row((number, cells[7], cells[3], cells[4], cells[5], cells[6]))
        cursor.execute("ANALYZE staged")
        given = {"file": found, "actor": actor.pk, "today": today}
        cursor.execute(EVIDENCE, given)
        cursor.execute(RESULTS, given)
    return proof()


def _return_file(order: PaymentOrder, actor: Any, lines: list[list[str]]) -> int:
    """The row that both tables name, with the numbers and sums (元) that its evidence must add up to."""
    stored = StoredFile.objects.first()
    paid = [Decimal(cells[3]) for cells in lines if cells[4] == "0"]
    failed = [Decimal(cells[3]) for cells in lines if cells[4] != "0"]
    made = ReturnFile.objects.create(
        order=order, policy_id=order.policy_id, county_code=order.county_code, division_code=order.division_code,
        file=stored, format=order.bank_format, sha256="0" * 64, content_digest="0" * 64, line_count=len(lines), paid_count=len(paid),
        paid_total=sum(paid), failed_count=len(failed), failed_total=sum(failed), open_count=0, uploaded_by=actor,
    )  # fmt: skip
    return int(made.pk)


PROOF = """SELECT count(*), count(*) FILTER (WHERE kind = 'bank_failed'), (sum(amount) FILTER (WHERE kind = 'paid') * 100)::bigint,
    encode(sha256(string_agg(convert_to(concat(id, kind, words), 'UTF8'), '|' ORDER BY id)), 'hex') FROM ({rows}) x"""
ROWS = """SELECT p.line_id AS id, p.kind, p.note AS words, l.amount FROM disbursement_paymentresult p
    JOIN disbursement_paymentline l ON l.id = p.line_id"""


def proof(rows: str = ROWS) -> dict[str, Any]:
    """What became of which payment, and what the bank said."""
    with connection.cursor() as cursor:
        cursor.execute(PROOF.format(rows=rows))
        count, failed, fen, digest = cursor.fetchone()
    return {"rows": count, "failed": failed, "fen": fen, "sha256": digest}
