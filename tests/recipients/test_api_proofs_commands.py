"""What machines use: the interface, the commands, and the proofs."""

import io
import json
from datetime import date

import pytest
from django.core.management import call_command

from huimin.core.accounts.services import issue_credential
from huimin.core.authority.roles import Role
from huimin.core.records import proofs
from huimin.core.sheets.writer import Column, write_rows
from recipients.files.declaration import TITLES
from recipients.models import Declaration, Person
from recipients.services import review
from tests.factories import TOWN, VILLAGE, UserFactory
from tests.recipients.factories import NOTHING, clerk_at, declaration, household, policy
from tests.recipients.sheets import member, workbook

pytestmark = pytest.mark.django_db
OURS = {
    "每一段享受资格都来自一行已确认、没有剔除的申报",
    "每一册确认的申报都公示满了天数，没有未答复的异议",
    "每一册确认的申报，联审部门都签了字",
    "一人只有一个在用账户，一户只有一个户主",
    "死亡日期与死亡登记一致",
    "每一份停用的档案都有一条没有恢复的停用记录，恢复由另一个人办",
    "作废的档案没有在用账户，也没有待复核的换卡",
    "公示名单与张贴时的指纹、人数、金额一致",
    "身份证号、账号的索引和承诺值可由原值重新算出",
    "每个在用账户都随建档登记，或者来自一次复核通过的换卡",
}


def push(client, body, key):
    return client.post(
        "/api/v1/declarations/",
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": key},
    )


@pytest.fixture
def key():
    user = UserFactory(role=Role.DEPARTMENT_CLERK)
    credential, secret = issue_credential(user, scopes=["declaration"], actor=None)
    return f"Huimin {credential.key_id}:{secret}"


def body(chosen, *people, reference="NY-2026-1", quantity="2"):
    return {
        "reference": reference,
        "policy": chosen.code,
        "period": "2026",
        "division": VILLAGE,
        "lines": [{"name": one.name, "id_number": one.id_number, "quantity": quantity} for one in people],
    }


@pytest.mark.parametrize("quantity", ["1,5", "-2", "1.23456", "123456789"])
def test_a_pushed_quantity_follows_the_one_rule_of_numbers(client, key, quantity):
    chosen, person = policy(**NOTHING), household(1)[0]
    assert push(client, body(chosen, person, quantity=quantity), key).status_code == 400
    assert not Declaration.objects.exists()


def test_a_department_pushes_a_declaration_once_per_reference(client, key):
    chosen, person = policy(**NOTHING), household(1)[0]
    first = push(client, body(chosen, person), key)
    assert (first.status_code, first.json()["lines"], first.json()["repeated"]) == (201, 1, False)
    again = push(client, body(chosen, person), key)
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    assert again.json()["declaration"] == first.json()["declaration"]
    other = push(client, body(chosen, person, quantity="3"), key)
    assert other.status_code == 409
    assert "内容与上次不同" in other.json()["detail"]
    assert Declaration.objects.count() == 1


def test_a_push_with_a_bad_line_writes_nothing_and_names_it(client, key):
    chosen, stranger = policy(**NOTHING), household(1, village="341524101001")[0]
    answer = push(client, body(chosen, stranger), key)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["row"] == 1
    assert stranger.id_number not in answer.content.decode()
    assert not Declaration.objects.exists()


def test_a_push_without_the_scope_is_refused(client):
    user = UserFactory(role=Role.DEPARTMENT_CLERK)
    credential, secret = issue_credential(user, scopes=["return_file"], actor=None)
    answer = push(client, {}, f"Huimin {credential.key_id}:{secret}")
    assert answer.status_code == 403
    assert push(client, {}, "Huimin x:y").status_code in {401, 403}


def run(capsys, *args):
    try:
        call_command(*args, "--json")
        code = 0
    except SystemExit as left:
        code = left.code
    return code, json.loads(capsys.readouterr().out)


def test_the_import_command_imports_once(tmp_path, capsys):
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    path = tmp_path / "采集表.xlsx"
    path.write_bytes(workbook([member(1), member(2, holder=1)]))
    code, told = run(capsys, "import_registry", str(path), "--as", clerk.username)
    assert (code, told["people"], told["repeated"]) == (0, 2, False)
    code, told = run(capsys, "import_registry", str(path), "--as", clerk.username)
    assert (code, told["repeated"]) == (0, True)
    path.write_bytes(workbook([member(3, house=2, 联系电话="1")]))
    code, told = run(capsys, "import_registry", str(path), "--as", clerk.username)
    assert (code, told["errors"][0]["row"]) == (1, 2)
    assert Person.objects.count() == 2


def test_the_declaration_command_makes_fills_and_refuses(tmp_path, capsys):
    chosen, person, clerk = policy(**NOTHING), household(1)[0], clerk_at()
    path = tmp_path / "申报.xlsx"

    def write(*rows):
        out = io.BytesIO()
        write_rows(out, [Column(title) for title in TITLES], rows)
        path.write_bytes(out.getvalue())

    args = ("import_declaration", str(path), "--policy", chosen.code, "--period", "2026", "--division", VILLAGE, "--as", clerk.username)  # fmt: skip
    write([person.name, person.id_number, "", "0"])
    code, told = run(capsys, *args)
    assert (code, told["errors"][0]["row"]) == (1, 2)
    assert not Declaration.objects.exists()
    write([person.name, person.id_number, "", "2.5"])
    code, told = run(capsys, *args)
    assert (code, told["lines"]) == (0, 1)
    assert run(capsys, *args)[1]["lines"] == 0


def faults():
    return {one.name: one.faults for one in proofs.run_all() if one.name in OURS}


def test_the_proofs_of_the_registry_and_the_review_hold():
    one = declaration(**NOTHING)
    review.take_step(one.pk, "submit", actor=one.made_by)
    found = faults()
    assert set(found) == OURS
    assert not any(found.values()), found


def test_the_stop_rule_counts_from_the_day():
    from recipients.rules import stops_on

    assert stops_on("next_quarter", date(2026, 12, 31)) == date(2027, 1, 1)
    assert stops_on("next_month", date(2026, 12, 1)) == date(2027, 1, 1)
