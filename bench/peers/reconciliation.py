"""Return files as they are usually applied: the payment carries its state and is updated."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction

from bench.child import Stage
from bench.jobs.reconciliation import answer_of, proof
from huimin.core import clock
from huimin.core.bankformats.layout import ReturnLine
from huimin.core.bankformats.pipe_txt import FORMAT as PIPE_TXT


class Payment(models.Model):
    """bench_payment: a copy of the lines with a state of their own."""

    reference = models.CharField(max_length=13)
    roster_id = models.BigIntegerField()
    entitlement_id = models.BigIntegerField()
    beneficiary_key = models.BinaryField()
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    status = models.CharField(max_length=16)
    reason_code = models.CharField(max_length=16)
    bank_words = models.CharField(max_length=120)
    settled_on = models.DateField(null=True)

    class Meta:
        app_label = "disbursement"
        managed = False
        db_table = "bench_payment"

    def __str__(self) -> str:
        return self.reference


class History(models.Model):
    """A trace for every saved payment."""

    payment_id = models.BigIntegerField()
    status = models.CharField(max_length=16)
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        app_label = "disbursement"
        managed = False
        db_table = "bench_history"

    def __str__(self) -> str:
        return f"{self.payment_id} {self.status}"


ROWS = """SELECT id, status AS kind, bank_words AS words, amount FROM bench_payment WHERE status <> 'sent'"""


def _settle(payment: Payment, line: ReturnLine, today: Any) -> None:
    payment.status = "paid" if line.result == "0" else "bank_failed"
    payment.reason_code, payment.bank_words, payment.settled_on = line.reason_code, line.bank_words, today


def bulk_update(stage: Stage) -> dict[str, Any]:
    """All payments into a dictionary, then bulk_update of four columns, 500 at a time."""
    today = clock.today()
    with stage.timed(), transaction.atomic():
        content = PIPE_TXT.read_return(answer_of(stage))
        payments = {one.reference: one for one in Payment.objects.filter(status="sent")}
        changed = []
        for line in content.lines:
            payment = payments[line.reference]
            if payment.amount != line.amount:
                raise ValueError(line.reference)
            _settle(payment, line, today)
            changed.append(payment)
        Payment.objects.bulk_update(
            changed, ["status", "reason_code", "bank_words", "settled_on"], batch_size=500
        )
    return proof(ROWS)


def per_row(stage: Stage) -> dict[str, Any]:
    """For every row look the payment up, look for an earlier result, save, write a history row; each commits."""
    today = clock.today()
    with stage.timed():
        for line in PIPE_TXT.read_return(answer_of(stage)).lines:
            payment = Payment.objects.filter(reference=line.reference).first()
            if payment is None or History.objects.filter(payment_id=payment.pk).exists():
                raise ValueError(line.reference)
            _settle(payment, line, today)
            payment.save()
            History.objects.create(payment_id=payment.pk, status=payment.status)
    return proof(ROWS)
