"""The way of the money through commands alone: one registry file, no browser, no broker, no worker.

HUIMIN_E2E_ROWS sets how many people the registry has: 2,000 by default, 20,000 is the full form.
"""

import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from huimin.demo.people import Village
from tests.e2e import county

ROWS = int(os.environ.get("HUIMIN_E2E_ROWS", "2000"))
HOUSEHOLDS = max(50, ROWS * 10 // 27)  # 2.7 people live in an invented household
VILLAGE = "341524100205"
POLICY = "NY01"
RATE = Decimal("86.90")
FAILED = Decimal("0.02")


class Desk:
    """Commands as people give them: each by name, with the answer as data."""

    def __init__(self, place, folder):
        self.place, self.folder = place, folder
        name = place.rows("SELECT name FROM core_division WHERE code = %s", VILLAGE)[0][0]
        today = place.rows("SELECT (business_now() AT TIME ZONE 'Asia/Shanghai')::date")[0][0]
        self.year = str((today - timedelta(days=60)).year)
        self.today = today
        self.families = county.households(Village(VILLAGE, name), HOUSEHOLDS, on=today)

    def act(self, username, *words, code=0):
        return self.place.answer(*words, "--as", username, code=code)

    def advance(self, username, subject, step, *more, code=0):
        return self.act(username, "advance", subject, step, *more, code=code)


def test_the_whole_way_through_commands(installation, tmp_path):
    installation.command("seed_demo", "--bare", "--households", "40")
    desk = Desk(installation, tmp_path)
    register(desk)
    review(desk, declare(desk))
    batch = pay(desk, "farm", "generate_batch", "--policy", POLICY, "--period", desk.year)
    settled(desk, batch)
    installation.command("prove")


def register(desk):
    """A file with faults changes nothing; the right one goes in once."""
    bad, rows = county.broken_registry(desk.folder, desk.families, on=desk.today)
    refused = desk.act("town1", "import_registry", bad, code=1)
    assert {one["row"] for one in refused["errors"]} >= set(rows)
    good = county.registry(desk.folder, desk.families, on=desk.today)
    desk.act("town1", "import_registry", good)
    assert desk.act("town1", "import_registry", good)["repeated"] is True
    people = "SELECT count(*) FROM recipients_person p JOIN recipients_household h ON h.id = p.household_id WHERE h.code LIKE %s"
    assert desk.place.rows(people, f"{VILLAGE}8%") == [(sum(len(one.members) for one in desk.families),)]


def declare(desk):
    sheet = county.declaration(desk.folder, desk.families)
    where = ("--policy", POLICY, "--period", desk.year, "--division", VILLAGE)
    made = desk.act("village2", "import_declaration", sheet, *where)
    assert made["lines"] == HOUSEHOLDS
    desk.advance("village2", made["subject"], "submit")
    return made


def review(desk, made):
    """Three notices with their days, two reviews; too early is refused."""
    subject = made["subject"]
    notice(desk, made, "village2", "end_village_notice")
    refused = desk.advance("village2", subject, "approve_township", code=1)
    assert "乡镇审核" in refused["refused"]
    desk.advance("town1-review", subject, "approve_township")
    notice(desk, made, "town1-review", "end_township_notice")
    for username, step in (
        ("farm-review", "sign_department"),
        ("finance-check", "sign_finance"),
        ("supervisor", "sign_supervision"),
    ):
        desk.advance(username, subject, step)
    notice(desk, made, "farm", "end_county_notice")


def notice(desk, made, username, step):
    desk.act(username, "post_notice", made["declaration"])
    early = desk.advance(username, made["subject"], step, code=1)
    assert "期满" in early["refused"]
    desk.place.move_clock(8)
    desk.advance(username, made["subject"], step)


CHAIN = (
    ("town1", "submit"),
    ("town1-review", "pass_township_check"),
    ("farm", "pass_department_handle"),
    ("farm-review", "pass_department_check"),
    ("finance", "pass_finance_handle"),
    ("finance-check", "pass_finance_check"),
)


def pay(desk, username, *making):
    """From the batch to the bank's answer; gives the batch with its order and roster."""
    batch = desk.act(username, *making)
    (roster,) = batch["rosters"]
    for checker, step in CHAIN:
        desk.advance(checker, f"disbursement.roster:{roster}", step)
    (order,) = desk.act("finance", "make_order", roster, "--cross-bank")["orders"]
    total = sum((one.area * RATE).quantize(Decimal("0.01"), "ROUND_HALF_UP") for one in desk.families)
    assert (order["count"], Decimal(str(order["total"]))) == (HOUSEHOLDS, total)
    own = desk.advance("finance", f"disbursement.paymentorder:{order['order']}", "sign", code=1)
    assert "国库支付" in own["refused"]
    for step in ("sign", "send"):
        desk.advance("treasury2", f"disbursement.paymentorder:{order['order']}", step)
    desk.place.command("run_jobs")
    return batch | order | {"roster": roster}


def settled(desk, batch):
    """The bank answers, another person confirms, everybody reads the list."""
    folder = desk.folder / "bank"
    sent = desk.act("treasury2", "export_bank_file", batch["order"], "--out", folder)
    again = desk.act("treasury2", "export_bank_file", batch["order"], "--out", folder)
    assert sent == again
    file = Path(sent["file"])
    answer = folder / "answer.txt"
    desk.place.command(
        "bank_simulator", str(file), "--seed", "7", "--fail", str(FAILED), "--out", str(answer)
    )
    taken = desk.act("reconcile1", "import_return", answer)
    refused = desk.act("reconcile1", "confirm_return", taken["return_file"], code=1)
    assert "不相容岗位" in refused["refused"]
    desk.act("reconcile2", "confirm_return", taken["return_file"])
    kinds = dict(desk.place.rows("SELECT kind, count(*) FROM disbursement_paymentresult GROUP BY kind"))
    assert sum(kinds.values()) == HOUSEHOLDS
    assert kinds["paid"] > kinds["bank_failed"] > 0
    public = desk.act("farm", "publish_disclosure", batch["roster"])
    assert public["lines"] == HOUSEHOLDS
