"""Statements do not grow with the lines; commands go the same way as the pages; money adds up for any areas."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from disbursement import queries, services
from disbursement.models import Batch, PaymentOrder, ReturnFile
from disbursement.services import confirming
from huimin.core.models import Message
from tests.disbursement import factories as make

pytestmark = pytest.mark.django_db


def statements(act):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        act()
    return len(captured)


def counted(people):
    """Statements of generation, sending, upload and confirmation with that many people."""
    here = make.world(people, issued="100000000.00")
    found = {}
    found["generate"] = statements(lambda: make.issued_batch(here))
    order = make.ordered(here, Batch.objects.latest("pk"))
    services.sign_order(order.pk, actor=here["treasurer"])
    found["send"] = statements(lambda: services.send_order(order.pk, actor=here["treasurer"]))
    order.refresh_from_db()
    data = make.answer(order, fail={0, 1})
    taken = {}
    found["upload"] = statements(
        lambda: taken.update(file=services.accept_return(data, "r.txt", actor=here["reconciler"]))
    )
    pk = taken["file"].return_file.pk
    found["confirm"] = statements(lambda: confirming.apply_return(pk, actor=here["reconciler2"]))
    batch = Batch.objects.get(rosters=queries.rosters_of(order).first())
    found["pay_again"] = statements(lambda: services.make_correction(batch.pk, actor=here["department"]))
    return found


def test_two_hundred_lines_take_as_many_statements_as_ten():
    assert counted(10) == counted(200)


def command(name, *args, user, **options):
    out = StringIO()
    call_command(name, *args, username=user.username, json=True, stdout=out, **options)
    return json.loads(out.getvalue())


def test_the_commands_go_the_whole_way(tmp_path):
    here = make.world(5)
    made = command("generate_batch", policy=here.policy.code, period="2026", user=here["department"])
    assert made["count"] == 5
    order = make.ordered(here, Batch.objects.get(pk=made["batch"]))
    services.sign_order(order.pk, actor=here["treasurer"])
    services.send_order(order.pk, actor=here["treasurer"])
    told = command("export_bank_file", order.pk, out=tmp_path, user=here["treasurer"])
    assert told["format"] == "pipe_txt"
    out = StringIO()
    call_command(
        "bank_simulator",
        tmp_path / f"{order.number}.txt",
        seed=7,
        fail="0.4",
        out=tmp_path / "answer.txt",
        stdout=out,
    )
    taken = command("import_return", tmp_path / "answer.txt", user=here["reconciler"])
    assert taken["open"] == 0
    done = command("confirm_return", taken["return_file"], user=here["reconciler2"])
    assert (done["status"], done["order"]) == ("confirmed", "settled")
    assert ReturnFile.objects.get().paid_count + ReturnFile.objects.get().failed_count == 5
    assert PaymentOrder.objects.get().total == order.total


def test_the_order_is_locked_only_when_its_return_has_been_copied():
    here = make.world(4)
    data = make.answer(make.sent_order(here))
    with CaptureQueriesContext(connection) as captured:
        services.accept_return(data, "r.txt", actor=here["reconciler"])
    asked = [one["sql"] for one in captured]
    (locked,) = [
        place
        for place, sql in enumerate(asked)
        if "FOR NO KEY UPDATE" in sql and 'FROM "disbursement_paymentorder"' in sql
    ]
    assert locked > asked.index("ANALYZE staged_return (line_id)")


def test_confirming_reads_no_list_and_writes_no_message_once_others_wait_for_its_indicator():
    here = make.world(6)
    data = make.answer(make.sent_order(here), fail={0})
    found = services.accept_return(data, "r.txt", actor=here["reconciler"]).return_file
    with CaptureQueriesContext(connection) as captured:
        services.confirm_return(found.pk, actor=here["reconciler2"])
    asked = [one["sql"] for one in captured]
    booked = next(place for place, sql in enumerate(asked) if sql.startswith('UPDATE "subsidies_indicator"'))
    lists = (
        "disbursement_paymentline",
        "disbursement_returnline",
        "disbursement_paymentresult",
        "core_message",
    )
    assert [sql for sql in asked[:booked] if "core_division" in sql or "subsidies_policy" in sql]
    assert not [sql for sql in asked[booked:] if any(table in sql for table in lists)]
    assert Message.objects.count() == 5
    found.order.refresh_from_db()
    assert found.order.status == "settled"
