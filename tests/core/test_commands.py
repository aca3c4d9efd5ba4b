"""The ground floor's commands: what they print, and how they refuse."""

import json
from io import StringIO

import pytest
from django.core.management import call_command, load_command_class

from huimin.core.errors import FileRefused, RowError, StepRefused
from huimin.core.models import AuditEvent, CalendarDay, Division
from huimin.core.records import audit
from huimin.core.work import verbs
from huimin.core.work.command import StaffCommand
from tests.factories import COUNTY, TOWN, UserFactory, county

pytestmark = pytest.mark.django_db


def run(*arguments, **options):
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


def csv_file(tmp_path, *rows):
    path = tmp_path / "divisions.csv"
    path.write_text("\n".join(["code,name,level,parent", *rows]) + "\n", encoding="utf-8")
    return path


def test_divisions_are_added_updated_and_left(tmp_path):
    county()
    path = csv_file(tmp_path, f"{TOWN},梅山新镇,town,{COUNTY}", f"341524199000,新设乡,town,{COUNTY}")
    assert json.loads(run("import_divisions", path, "--json")) == {"新增": 1, "变更": 1, "不变": 0}
    assert json.loads(run("import_divisions", path, "--json")) == {"新增": 0, "变更": 0, "不变": 2}
    assert Division.objects.get(pk=TOWN).name == "梅山新镇"
    assert AuditEvent.objects.filter(action="division.import").count() == 1


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("34152419900,短,town,341524000000", "12 位数字"),
        ("341524199000,,town,341524000000", "名称没有填"),
        ("341524199000,新设乡,hamlet,341524000000", "级次"),
        ("341524199001,新设乡,town,341524000000", "不是乡镇级的代码"),
        ("341524199000,新设乡,town,341525000000", "没有导入过"),
        ("341999199000,新设乡,town,341524000000", "不在上级"),
    ],
)
def test_one_bad_row_keeps_the_whole_file_out(tmp_path, capsys, row, why):
    county()
    before = Division.objects.count()
    path = csv_file(tmp_path, f"341524198000,好乡,town,{COUNTY}", row)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("import_divisions", path, stderr=out)
    assert "第3行" in out.getvalue() or why in out.getvalue()
    assert why in out.getvalue()
    assert Division.objects.count() == before


def test_advance_takes_a_step_as_a_named_person(monkeypatch):
    user, taken = UserFactory(username="wang"), []
    monkeypatch.setitem(verbs._kinds, "tests.thing", lambda pk, step, **more: taken.append((pk, step, more)))
    run("advance", "tests.thing:7", "approve", "--as", "wang", "--note", "好")
    assert taken == [(7, "approve", {"actor": user, "note": "好"})]


def test_a_refused_step_exits_with_its_reason(monkeypatch):
    def refuse(pk, step, **more):
        raise StepRefused("这一步不能办。")

    UserFactory(username="wang")
    monkeypatch.setitem(verbs._kinds, "tests.thing", refuse)
    out = StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("advance", "tests.thing:7", "approve", "--as", "wang", "--json", stdout=out)
    assert stopped.value.code == 1
    assert json.loads(out.getvalue()) == {"refused": "这一步不能办。"}


def test_prove_prints_one_line_for_each_proof_and_seals_first():
    audit.record("x:1", action="test", actor=UserFactory())
    lines = [json.loads(line) for line in run("prove", "--json").splitlines()]
    assert all(line["holds"] for line in lines)
    assert audit.verify_chain().unsealed == 0


def test_prove_exits_with_1_when_a_proof_fails(monkeypatch):
    monkeypatch.setattr("huimin.core.records.proofs._checks", [("二加二等于四", lambda: (1, ["等于五"]))])
    out = StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("prove", stdout=out)
    assert stopped.value.code == 1
    assert "不符  二加二等于四" in out.getvalue()


def test_the_calendar_is_filled_and_filled_again():
    run("fill_calendar")
    count = CalendarDay.objects.count()
    run("fill_calendar")
    assert CalendarDay.objects.count() == count
    assert not CalendarDay.objects.get(day="2026-10-01").is_workday


def test_the_clock_is_shown():
    assert "相差 0:00:00" in run("business_clock", "show")


def refusal(*arguments):
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue().strip()


@pytest.mark.parametrize("subject", ["disbursement.roster/1", "disbursement.roster", "roster:1", "x.y:1"])
def test_an_object_that_was_not_understood_is_answered_with_how_to_write_one(subject):
    UserFactory(username="wang")
    said = refusal("advance", subject, "submit", "--as", "wang")
    assert "“种类:编号”，例如 disbursement.roster:12" in said
    assert all(kind in said for kind in verbs.kinds())


@pytest.mark.parametrize("kind", verbs.kinds())
def test_an_unknown_step_is_answered_with_all_steps_of_the_kind(kind):
    UserFactory(username="wang")
    said = refusal("advance", f"{kind}:1", "fly", "--as", "wang")
    assert f"{kind} 没有“fly”这一步" in said
    assert verbs.steps_of(kind)
    assert all(f"{one.name}（{one.label}）" in said for one in verbs.steps_of(kind))


def test_what_does_not_exist_and_what_is_out_of_reach_are_the_same_to_a_command():
    UserFactory(username="wang")
    said = refusal("advance", "disbursement.roster:999999999", "submit", "--as", "wang")
    assert said == "没有找到：编号不对，或者不在您的管辖范围。"


def test_the_help_of_advance_lists_every_kind_with_its_steps(capsys):
    with pytest.raises(SystemExit):
        load_command_class("huimin.core", "advance").run_from_argv(["manage.py", "advance", "--help"])
    said = capsys.readouterr().out
    for kind in verbs.kinds():
        assert kind in said
        assert all(one.name in said for one in verbs.steps_of(kind))


def test_a_refused_file_is_told_once_and_each_fault_once():
    class Refuses(StaffCommand):
        needs_actor = False

        def act(self, actor, **options):
            raise FileRefused("整份不收。", [RowError(None, "", "整份不收。"), RowError(3, "", "没有姓名。")])

    out = StringIO()
    with pytest.raises(SystemExit):
        call_command(Refuses(), stderr=out)
    assert out.getvalue().splitlines() == ["整份不收。", "  没有姓名。"]
