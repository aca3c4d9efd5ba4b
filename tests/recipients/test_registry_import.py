"""The registry workbook: whole or not at all, every fault named, no private value in clear."""

from uuid import RFC_4122

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from huimin.core import crypto
from huimin.core.authority.roles import Role
from huimin.core.errors import FileRefused, StepForbidden
from huimin.core.models import AuditEvent, BankBranch, Division, Job
from huimin.core.records import files
from huimin.core.work import jobs
from recipients.files import registry
from recipients.files.columns import TITLES
from recipients.models import Account, Household, Person, RegistryImport
from recipients.rules import commit
from recipients.services import registry_import
from tests.core.test_sheets_guard import in_sheet, rebuilt
from tests.factories import COUNTY, OTHER_TOWN, OTHER_VILLAGE, TOWN, VILLAGE, UserFactory, county
from tests.recipients.sheets import card, member, person_id, workbook


@pytest.fixture
def clerk(db):
    return UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)


def test_a_bank_that_nobody_knows_is_to_be_looked_at(clerk):
    county()
    BankBranch.objects.create(code="402376100010", name="金寨农商行梅山支行", bank="农商行")
    one = take(
        workbook(
            [
                member(1, holder=1, 开户银行="金寨农商行梅山支行"),
                member(2, house=2, holder=2, 开户银行="402376100028-金寨农商行古碑支行"),
                member(3, house=3, holder=3, 开户银行="某某银行"),
            ]
        ),
        clerk,
    )
    told = [warning["message"] for warning in one.warnings if "银行网点表" in warning["message"]]
    assert told == ["“某某银行”不在银行网点表里，也没有联行号，请核对行名。"]


def family(count=3, house=1, start=1):
    return [member(start + n, house=house, holder=start) for n in range(count)]


def take(content, actor, filename="采集表.xlsx"):
    return registry_import.import_now(content, filename=filename, actor=actor)


def refused(content, actor, **more):
    with pytest.raises(FileRefused) as caught:
        take(content, actor, **more)
    assert not Person.objects.exists()
    assert not Household.objects.exists()
    return [str(one) for one in caught.value.errors]


def test_a_workbook_becomes_households_people_and_accounts(clerk):
    one = take(workbook(family(3) + family(2, house=2, start=11)), clerk)
    assert (one.status, one.household_count, one.row_count) == ("applied", 2, 5)
    holder = Person.objects.get(id_key=crypto.blind_index("id_number", person_id(1)))
    assert holder.is_holder
    assert (holder.relation, holder.division_code, holder.county_code) == ("02", VILLAGE, COUNTY)
    assert holder.id_number == person_id(1)
    assert holder.phone == "19912345678"
    assert holder.name_key.startswith("wang ")
    assert bytes(holder.id_commitment) == commit(holder.commit_salt, person_id(1))
    account = holder.accounts.get()
    assert (account.number, account.tail, account.kind) == (card(1), card(1)[-4:], "passbook")
    assert bytes(account.number_commitment) == commit(account.commit_salt, card(1))
    assert Account.objects.filter(is_active=True).count() == 5


def test_no_private_value_reaches_a_statement_in_clear(clerk):
    with CaptureQueriesContext(
        connection,
    ) as seen:
        take(workbook(family(2)), clerk)
    text = "\n".join(query["sql"] for query in seen.captured_queries)
    assert person_id(1) not in text
    assert card(1) not in text
    assert "19912345678" not in text


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        (
            {"身份证号": person_id(1)[:17] + ("1" if person_id(1)[17] != "1" else "2")},
            "身份证号",
            "校验位不对",
        ),
        ({"身份证号": person_id(1)[:17]}, "身份证号", "应为18位（现在是17位）"),
        ({"身份证号": "34242619700230001X"}, "身份证号", "(1970-02-30)不存在"),
        ({"家庭成员姓名": "王?"}, "家庭成员姓名", "无法识别的字"),
        ({"家庭成员姓名": "<script>"}, "家庭成员姓名", "不允许的字符"),
        ({"村(居)委会": "梅水村"}, "村(居)委会", "是否为：梅山村委会？"),
        ({"村(居)委会": OTHER_VILLAGE}, "村(居)委会", "麻埠镇桂花村委会不在您的管理范围"),
        ({"村(居)委会": f"{VILLAGE}-桂花村"}, "村(居)委会", "请核对"),
        ({"与户主关系": "邻居"}, "与户主关系", "不认识"),
        ({"与户主关系": "妻子"}, "与户主关系", "应为“本人”"),
        ({"银行账号": "12ab"}, "银行账号", "数字以外的字符"),
        ({"银行账号": person_id(1)}, "银行账号", ""),
        ({"联系电话": "123"}, "联系电话", "11位手机号"),
        ({"性别": "1-男" if int(person_id(1)[16]) % 2 == 0 else "2-女"}, "性别", "与身份证号不符"),
        ({"是否低保户": "可能"}, "是否低保户", "应填1-是或0-否"),
        ({"状态": "0-作废"}, "状态", "请删除这一行"),
        ({"农户编码": ""}, "农户编码", "为空"),
        ({"村(居)民小组": ""}, "村(居)民小组", "为空"),
        ({"开户银行": ""}, "开户银行", "为空"),
    ],
)
def test_a_bad_cell_refuses_the_whole_file_and_is_named(clerk, cells, column, words):
    with pytest.raises(FileRefused) as caught:
        take(workbook([*family(2, house=2, start=11), member(1, **cells)]), clerk)
    found = [one for one in caught.value.errors if one.row == 4 and one.column == column]
    assert found, caught.value.errors
    assert words in found[0].message
    assert not Person.objects.exists()
    assert person_id(1) not in str(caught.value.errors)


def test_the_same_fault_in_many_rows_is_named_in_each_with_its_own_column(clerk):
    """Texts are judged once, but every cell that holds a bad one is on the list."""
    same = {
        "村(居)委会": "梅水村", "与户主关系": "邻居", "村(居)民小组": "组" * 21, "开户银行": "行" * 121,
        "户主姓名": "王?", "家庭成员姓名": "王?", "户主身份证号": "123", "是否低保户": "可能", "是否特困人员": "可能",
    }  # fmt: skip
    with pytest.raises(FileRefused) as caught:
        take(workbook([member(n, house=n, **same) for n in (1, 2, 3)]), clerk)
    for column in same:
        found = [one for one in caught.value.errors if one.column == column]
        assert [one.row for one in found] == [2, 3, 4], column
        assert len({one.message for one in found}) == 1
    assert any(one.message.startswith("户主姓名") for one in caught.value.errors)
    assert any(one.message.startswith("家庭成员姓名") for one in caught.value.errors)


def test_a_full_memory_of_texts_changes_nothing(clerk, monkeypatch):
    monkeypatch.setattr(registry, "REMEMBERED", 2)
    assert take(workbook([*family(5), *family(5, house=2, start=11)]), clerk).row_count == 10


def test_a_household_code_kept_as_a_number_is_its_text(clerk):
    rows = family(2)
    for row in rows:
        row[1] = "12"
    take(workbook(rows, numbers={(0, "农户编码"), (1, "农户编码")}), clerk)
    assert Household.objects.get().code == "12"


def test_salts_are_random_uuids_of_version_four(clerk):
    take(workbook(family(3)), clerk)
    salts = [one.commit_salt for model in (Person, Account) for one in model.objects.all()]
    assert len(set(salts)) == 6
    assert {(salt.version, salt.variant) for salt in salts} == {(4, RFC_4122)}


def test_a_wrong_header_refuses_the_file(clerk):
    titles = [title if title != "身份证号" else "证件号" for title in TITLES]
    assert any("缺少必填列：身份证号" in error for error in refused(workbook(family(), titles), clerk))


def test_an_id_number_stored_as_a_number_is_refused(clerk):
    rows = family(2)
    content = workbook(rows, numbers={(1, "身份证号")} if rows[1][5].isdigit() else {(0, "银行账号")})
    assert any("被Excel存成了数字" in error for error in refused(content, clerk))


def test_an_account_stored_as_a_number_is_refused(clerk):
    assert any(
        "银行账号被Excel存成了数字" in error
        for error in refused(workbook(family(2), numbers={(0, "银行账号")}), clerk)
    )


def test_the_same_person_twice_names_both_rows(clerk):
    rows = [*family(3), member(2, holder=1)]
    assert "第5行与第3行是同一人，只能保留一行。" in refused(workbook(rows), clerk)


def test_one_number_with_two_names_says_so(clerk):
    rows = [*family(3), member(2, holder=1, name="张伟")]
    assert any(
        "身份证号相同但姓名不同" in error and "张伟" in error for error in refused(workbook(rows), clerk)
    )


def test_a_person_of_another_township_is_named_with_it(clerk):
    other = UserFactory(role=Role.TOWNSHIP_CLERK, at=OTHER_TOWN)
    take(workbook([member(1, village=OTHER_VILLAGE)]), other)
    with pytest.raises(FileRefused) as caught:
        take(workbook([member(2, house=2), member(1, house=2, holder=2)]), clerk)
    assert any(
        "在系统中(金寨县-麻埠镇)已存在！" in one.message and one.row == 3 for one in caught.value.errors
    )
    assert Person.objects.count() == 1


def strangers(count):
    """Rows of people whom another township has registered under other names."""
    other = UserFactory(role=Role.TOWNSHIP_CLERK, at=OTHER_TOWN)
    take(
        workbook(
            [
                member(n, house=n, name="赵不同", 户主姓名="赵不同", 账户名称="赵不同", village=OTHER_VILLAGE)
                for n in range(1, count + 1)
            ]
        ),
        other,
    )
    return [member(n, house=100 + n) for n in range(1, count + 1)]


def faults_of(content, actor):
    with pytest.raises(FileRefused) as caught:
        take(content, actor)
    return [str(one) for one in caught.value.errors]


def test_where_a_stranger_is_registered_is_told_only_to_who_knows_the_name(clerk):
    faults = faults_of(workbook(strangers(1)), clerk)
    assert any("姓名与表里的不同" in fault for fault in faults)
    assert not any("麻埠" in fault or "赵不同" in fault for fault in faults)
    assert AuditEvent.objects.get(action="registry.refuse").detail["foreign"] == 1


def test_hits_in_other_places_are_capped_for_the_day_and_counted_on_the_trail(clerk, monkeypatch):
    monkeypatch.setattr(registry_import, "FOREIGN_A_DAY", 3)
    rows = strangers(5)
    first, second = faults_of(workbook(rows[:2]), clerk), faults_of(workbook(rows), clerk)
    told = [fault for fault in first + second if "本县别处已登记" in fault]
    assert len(told) == 3
    assert any("其余请联系县级主管部门" in fault for fault in second)
    counts = (
        AuditEvent.objects.filter(action="registry.refuse").order_by("pk").values_list("detail", flat=True)
    )
    assert [(one["foreign"], one["foreign_told"]) for one in counts] == [(2, 2), (5, 1)]
    assert not Person.objects.filter(division_code=VILLAGE).exists()


def test_a_household_code_of_another_township_is_refused_without_its_place(clerk):
    other = UserFactory(role=Role.TOWNSHIP_CLERK, at=OTHER_TOWN)
    take(workbook([member(1, village=OTHER_VILLAGE)]), other)
    faults = faults_of(workbook([member(2, house=1)]), clerk)
    assert any("农户编码在本县别处已有另一户" in fault for fault in faults)
    assert not any("麻埠" in fault for fault in faults)


def test_an_account_known_in_another_township_is_counted_and_not_told(clerk):
    other = UserFactory(role=Role.TOWNSHIP_CLERK, at=OTHER_TOWN)
    take(workbook([member(1, village=OTHER_VILLAGE)]), other)
    one = take(workbook([member(2, house=2, 银行账号=card(1))]), clerk)
    assert not any("另一户" in warning["message"] for warning in one.warnings)
    assert AuditEvent.objects.get(action="registry.import", actor=clerk).detail["foreign_accounts"] == 1


def test_a_number_in_a_note_of_the_workbook_is_stored_hidden(clerk):
    take(workbook([member(1, 备注="儿子电话13987654321")]), clerk)
    assert Person.objects.get().note == "儿子电话［手机号已隐去］"


def test_a_household_code_of_another_family_is_refused(clerk):
    take(workbook(family(2)), clerk)
    with pytest.raises(FileRefused) as caught:
        take(workbook([member(21, house=1)]), clerk)
    assert any("农户编码已是梅山镇" in one.message for one in caught.value.errors)


def test_a_new_member_joins_the_household_that_is_there(clerk):
    take(workbook(family(2)), clerk)
    one = take(workbook([member(9, holder=1)]), clerk)
    assert (one.household_count, one.row_count) == (0, 1)
    assert Household.objects.get().members.count() == 3


def test_a_household_without_its_holder_is_refused(clerk):
    assert any("没有户主本人的行" in error for error in refused(workbook([member(2, holder=1)]), clerk))


def test_two_holders_of_one_household_are_refused(clerk):
    rows = [member(1), member(2, house=1)]
    assert any("户主身份证号不同" in error for error in refused(workbook(rows), clerk))


def test_an_account_of_two_households_is_a_warning_not_an_error(clerk):
    rows = [member(1), member(2, house=2, 银行账号=card(1))]
    one = take(workbook(rows), clerk)
    assert any("另一户" in warning["message"] for warning in one.warnings)
    assert Person.objects.count() == 2
    again = take(workbook([member(3, house=3, 银行账号=card(1))]), clerk)
    assert any("系统中另一户" in warning["message"] for warning in again.warnings)


def test_the_same_file_twice_changes_nothing_and_says_so(clerk):
    content = workbook(family(2))
    first = take(content, clerk)
    again, job = registry_import.submit_import(content, filename="换个名字.xlsx", actor=clerk)
    assert (again.pk, job) == (first.pk, None)
    assert "本次没有重复写入" in registry_import.already_applied(again)
    assert Person.objects.count() == 2
    assert Job.objects.count() == 1


def test_the_error_workbook_holds_the_bad_rows_and_can_be_uploaded_again(clerk):
    content = workbook([*family(2), member(12, house=2, 联系电话="123")])
    with pytest.raises(FileRefused):
        take(content, clerk)
    one = RegistryImport.objects.get()
    assert (one.status, one.error_count) == ("refused", 1)
    mended = files.read(one.error_file)
    with pytest.raises(FileRefused) as caught:
        take(mended, clerk, filename="改.xlsx")
    assert [error.column for error in caught.value.errors] == ["联系电话"]


def test_a_village_clerk_cannot_import(db):
    with pytest.raises(StepForbidden):
        registry_import.submit_import(
            workbook(family(1)), filename="a.xlsx", actor=UserFactory(role=Role.VILLAGE_CLERK, at=VILLAGE)
        )


def test_a_village_by_name_is_found_and_an_ambiguous_name_asks_for_its_code(db):
    clerk = UserFactory(role=Role.DEPARTMENT_CLERK)
    assert take(workbook([member(1, village="梅山村")]), clerk).row_count == 1
    Division.objects.create(code="341524101002", name="梅山村委会", level="village", parent_id=OTHER_TOWN)
    with pytest.raises(FileRefused) as caught:
        take(workbook([member(2, house=2, village="梅山村")]), clerk)
    assert "请写成“编码-村名”" in caught.value.errors[0].message


def statements(rows, clerk):
    _, job = registry_import.submit_import(workbook(rows), filename="a.xlsx", actor=clerk)
    with CaptureQueriesContext(connection) as seen:
        assert jobs.run(job.pk) == "done"
    return len(seen)


def test_two_hundred_rows_take_as_many_statements_as_ten(clerk):
    few = statements([member(n, house=n) for n in range(1, 11)], clerk)
    many = statements([member(n, house=n) for n in range(101, 301)], clerk)
    assert few == many


def test_a_file_with_something_hostile_inside_is_refused_by_the_job(clerk):
    content = rebuilt(workbook(family(2)), in_sheet(b"<sheetData>", b"<!DOCTYPE a><sheetData>"))
    with pytest.raises(FileRefused, match="没有导入"):
        take(content, clerk)
    assert not Person.objects.exists()


# --- imports that break off ------------------------------------------------------------------------------------------------


def broken_off(clerk, monkeypatch, fault):
    """An import whose job met something that nobody foresaw."""
    one, job = registry_import.submit_import(workbook(family(2)), filename="a.xlsx", actor=clerk)

    def fail(*_):
        raise fault

    monkeypatch.setattr(registry_import, "_compare", fail)
    return one, jobs.run(job.pk)


@pytest.mark.parametrize(
    ("fault", "state", "word"),
    [(RuntimeError("x"), "failed", "没有办成"), (jobs.Stopped(), "stopped", "已停止")],
)
def test_an_import_that_broke_off_is_not_shown_as_under_way(client, clerk, monkeypatch, fault, state, word):
    one, ended = broken_off(clerk, monkeypatch, fault)
    assert ended == state
    client.force_login(clerk)
    for address in ("/desk/recipients/imports/", f"/desk/recipients/imports/{one.pk}/"):
        text = client.get(address).content.decode()
        assert word in text
        assert "办理中" not in text
    assert "请把原来的表重新上传" in text
    monkeypatch.undo()
    assert take(workbook(family(2)), clerk).status == "applied"


def test_an_import_asked_to_stop_while_its_rows_are_read_writes_nothing(clerk, monkeypatch):
    _one, job = registry_import.submit_import(workbook(family(2)), filename="a.xlsx", actor=clerk)
    staged = registry.staged_rows

    def asked_meanwhile(rows, reader, watch):
        yield from staged(rows, reader, lambda _: None)
        monkeypatch.setattr(jobs.JobRun, "stop_if_asked", stopped)
        watch(2)

    def stopped(_):
        raise jobs.Stopped

    monkeypatch.setattr(registry, "staged_rows", asked_meanwhile)
    assert jobs.run(job.pk) == "stopped"
    assert not Person.objects.exists()


def test_an_import_under_way_says_so(client, clerk):
    registry_import.submit_import(workbook(family(2)), filename="a.xlsx", actor=clerk)
    client.force_login(clerk)
    assert "办理中" in client.get("/desk/recipients/imports/").content.decode()


def repeated(clerk):
    """The job of an import whose bytes another import has applied since it was submitted."""
    content = workbook(family(2))
    second, job = registry_import.submit_import(content, filename="b.xlsx", actor=clerk)
    take(content, clerk)
    return second, job


def test_a_repeated_file_closes_with_its_trace(clerk, monkeypatch):
    second, job = repeated(clerk)
    # between the check and the write the other one was quicker
    monkeypatch.setattr(registry_import, "_stage_and_apply", lambda one, *_: _claim_applied(one))
    assert jobs.run(job.pk) == "done"
    second.refresh_from_db()
    assert second.status == "refused"
    assert "本次没有重复写入" in second.result_note
    assert AuditEvent.objects.filter(
        subject=f"recipients.registryimport:{second.pk}", action="registry.repeated"
    ).exists()


def _claim_applied(one):
    RegistryImport.objects.filter(pk=one.pk).update(status="applied")


def test_a_worker_that_lost_its_job_does_not_close_the_import_as_repeated(clerk, monkeypatch):
    second, job = repeated(clerk)

    def overtaken(_):
        Job.objects.filter(pk=job.pk).update(fence=99)
        return "该文件已导入"

    monkeypatch.setattr(registry_import, "_stage_and_apply", lambda one, *_: _claim_applied(one))
    monkeypatch.setattr(registry_import, "already_applied", overtaken)
    assert jobs.run(job.pk) == "busy"
    second.refresh_from_db()
    assert second.status == "checking"


def test_somebody_who_is_there_already_is_told_what_can_be_done(clerk):
    take(workbook(family(2)), clerk)
    with pytest.raises(FileRefused) as caught:
        take(workbook([*family(2), member(9, house=9)]), clerk)
    found = [one.message for one in caught.value.errors]
    assert any("请从表里删去这一行" in text and "改档案" in text for text in found)


def test_a_space_in_the_holders_cell_is_no_other_name(clerk):
    holder = member(1)[TITLES.index("户主姓名")]
    cells = {"户主姓名": f"{holder[0]} {holder[1:]}"}
    one = take(workbook([member(1), member(2, holder=1, **cells)]), clerk)
    assert not [warning for warning in one.warnings if "账户户名" in warning["message"]]


def test_a_refused_workbook_is_opened_once(clerk, monkeypatch):
    opened = []
    first = registry.open_registry
    monkeypatch.setattr(registry, "open_registry", lambda *given: opened.append(given[1]) or first(*given))
    with pytest.raises(FileRefused):
        take(workbook([member(1, 家庭成员姓名="王?")]), clerk)
    assert len(opened) == 1
    assert RegistryImport.objects.get().error_file is not None
