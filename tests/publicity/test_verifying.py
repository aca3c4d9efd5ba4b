"""Anyone can compare wall, web and bank: codes, files, and the script that needs nothing of ours."""

import csv
import dataclasses
import importlib.util
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from disbursement import queries as queries_of_money
from disbursement import services as money
from huimin.core.errors import BadInput
from huimin.core.values import digests
from publicity import files, queries, rules, services
from tests.disbursement import factories as make
from tests.publicity.factories import disclosure_at, published_world

pytestmark = pytest.mark.django_db
SCRIPT = Path(__file__).parents[2] / "tools" / "verify.py"
_spec = importlib.util.spec_from_file_location("verify_script", SCRIPT)
verify = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(verify)


@pytest.fixture
def here():
    return published_world(8)


@pytest.fixture
def listed(here, client, tmp_path):
    """The downloaded open list of a township, as a file."""
    response = client.get(reverse("publicity:open-list", args=[disclosure_at(here).pk, "csv"]))
    path = tmp_path / "list.csv"
    path.write_bytes(b"".join(response.streaming_content))
    return path


def rewritten(path, change):
    """The file with `change(rows)` applied, rows including both head lines."""
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    rows = change(rows) or rows
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    other = path.with_name("changed.csv")
    other.write_text(out.getvalue(), encoding="utf-8-sig")
    return other


def cents_more(rows, line=3):
    place = rows[1].index("金额")
    rows[line][place] = f"{rules.Decimal(rows[line][place]) + rules.Decimal('0.01')}"


def test_the_script_runs_alone_and_says_yes(listed):
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(listed)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("一样")


def test_the_script_accepts_the_short_code_of_the_wall(here, listed):
    assert verify.check(listed, disclosure_at(here).code) == []
    assert verify.check(listed, "0" * 16) != []


def test_one_fen_more_is_found_and_the_line_is_named(listed, capsys):
    changed = rewritten(listed, cents_more)
    assert verify.main([str(changed)]) == 1
    said = capsys.readouterr().out
    assert "文件第 4 行" in said
    assert "内容改过" in said
    assert said.count("内容改过") == 1


def test_a_forger_who_mends_the_leaf_is_found_by_the_root_and_by_another_copy(listed):
    def forge(rows):
        cents_more(rows)
        row = dict(zip(rows[1], rows[3], strict=True))
        rows[3][rows[1].index("行指纹")] = verify.leaf_of(row).hex()

    changed = rewritten(listed, forge)
    assert any("核验码不一样" in fault for fault in verify.check(changed))
    assert verify.compare(changed, listed) == [
        f for f in verify.compare(changed, listed) if "金额不一样" in f
    ]
    assert len(verify.compare(changed, listed)) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[:3] + rows[4:],
        lambda rows: [*rows[:2], rows[3], rows[2], *rows[4:]],
        lambda rows: [*rows, rows[-1]],
    ],
    ids=["left out", "swapped", "doubled"],
)
def test_lines_left_out_swapped_or_doubled_are_found(listed, change):
    assert verify.check(rewritten(listed, change))


def test_a_spreadsheets_way_of_writing_numbers_is_no_change(listed):
    def spread(rows):
        for row in rows[2:]:
            for title in ("金额", "数量"):
                place = rows[1].index(title)
                row[place] = (
                    f"{float(row[place]):,g}" if title == "数量" else row[place].rstrip("0").rstrip(".")
                )

    assert verify.check(rewritten(listed, spread)) == []


def test_a_file_that_is_not_an_open_list_is_refused(tmp_path, capsys):
    other = tmp_path / "other.csv"
    other.write_text("姓名,金额\n张三,1\n", encoding="utf-8")
    assert verify.main([str(other)]) == 2
    with pytest.raises(BadInput, match="不是从本站下载"):
        files.OpenFile(io.BytesIO(other.read_bytes()))


def test_script_server_and_database_compute_the_same_root(here, listed):
    rows = [row for _, row in verify.read(listed)[1]]
    assert verify.root_of(verify.leaf_of(row) for row in rows) == disclosure_at(here).root
    assert verify.short_code(disclosure_at(here).root) == disclosure_at(here).code


def test_json_and_command_give_the_same_list(here, client, listed, tmp_path):
    one = disclosure_at(here)
    told = json.loads(
        b"".join(client.get(reverse("publicity:open-list", args=[one.pk, "json"])).streaming_content)
    )
    rows = list(csv.reader(io.StringIO(listed.read_text("utf-8-sig"), newline="")))
    assert [told["columns"], *told["lines"]] == rows[1:]
    out = tmp_path / "out.csv"
    call_command("export_disclosure", str(one.pk), "--out", str(out))
    assert out.read_bytes() == listed.read_bytes()


def test_the_code_page_says_yes_and_shows_both_sums(here, client):
    one = disclosure_at(here)
    page = client.get(reverse("publicity:verify"), {"code": digests.spaced(one.code).lower()}, follow=True)
    text = page.content.decode()
    assert "是真的，一字不差" in text
    assert text.count(f"{one.total:,.2f}") >= 2


@pytest.mark.parametrize("code", ["0000000000000000", "abc", "f" * 64])
def test_an_unknown_code_is_told_kindly(here, client, code):
    page = client.get(reverse("publicity:verify-code", args=[code]))
    assert page.status_code == 404
    assert "没有这份名单" in page.content.decode()


def test_a_withdrawn_list_is_no_longer_true(here, client):
    one = disclosure_at(here)
    services.withdraw_disclosure(one.pk, actor=here["department"], note="标题写错了")
    text = client.get(reverse("publicity:verify-code", args=[one.code])).content.decode()
    assert "已经撤下" in text
    assert "标题写错了" in text
    assert "是真的" not in text


def upload(client, path):
    return client.post(
        reverse("publicity:verify-file"),
        {"file": SimpleUploadedFile("list.csv", path.read_bytes(), "text/csv")},
    )


def test_an_untouched_file_is_found_the_same(listed, client):
    assert "是真的，一字不差" in upload(client, listed).content.decode()


def test_a_changed_file_names_line_field_and_both_values(here, listed, client):
    before = [line.fields[-1] for line in queries.open_lines(disclosure_at(here))][1]
    text = upload(client, rewritten(listed, cents_more)).content.decode()
    assert "对不上" in text
    assert "第 2 行" in text
    assert f"<del>{rules.Decimal(before) + rules.Decimal('0.01')}</del>" in text
    assert before in text


def test_an_upload_of_something_else_is_a_field_error(client, tmp_path):
    other = tmp_path / "x.csv"
    other.write_bytes(b"\xff\xfe\x00\x00binary")
    page = upload(client, other)
    assert page.status_code == 200
    assert "还不能比" in page.content.decode()


@pytest.mark.parametrize("root", ["0" * 64, "f" * 64, "7b3c" * 16])
def test_short_codes_survive_being_read_aloud(root):
    code = digests.short_code(root)
    assert len(code) == 16
    assert rules.read_code(digests.spaced(code).lower().replace("0", "o").replace("1", "l")) == code


def test_more_decimal_places_than_the_list_has_are_a_change(listed):
    def finer(rows):
        rows[3][rows[1].index("金额")] += "1"

    with pytest.raises(BadInput, match="第 4 行"):
        list(opened(rewritten(listed, finer).read_bytes()).lines(100))


# --- what an upload may cost ---------------------------------------------------------------------------------------------


class Counted(io.BytesIO):
    """A file that knows how much of it was read."""

    taken = 0

    def read(self, size=-1):
        found = super().read(size)
        self.taken += len(found)
        return found

    def read1(self, size=-1):
        found = super().read1(size)
        self.taken += len(found)
        return found


def opened(content):
    return files.OpenFile(Counted(content))


def head_of(one):
    return next(files.csv_chunks(one, [])) + ",".join(files.COLUMNS) + "\r\n"


@pytest.mark.parametrize(
    "content", [b"\n" * 5_000_000, b"a,\n" * 2_000_000, b"," * 5_000_000, b"\0" * 5_000_000]
)
def test_what_does_not_begin_with_our_mark_is_not_read_on(content):
    file = Counted(content)
    with pytest.raises(BadInput, match="不是从本站下载"):
        files.OpenFile(file)
    assert file.taken <= files.HEAD_BYTES


def test_blank_lines_count_as_lines_and_reading_stops(here):
    one = disclosure_at(here)
    file = Counted(head_of(one).encode() + b"\n" * 5_000_000)
    with pytest.raises(BadInput, match="行数比公开的名单多"):
        list(files.OpenFile(file).lines(one.line_count + 1_000))
    assert file.taken < 100_000


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("," * 5_000_000, "第 3 行太长"),
        ("x" * 200_000, "第 3 行太长"),
        ('"1,2', "引号没有成对"),
        ("1,,,,,1E999999999,,1,,", "不是数字"),
        ("1,,,,,0E-999999,,1E-999999999,,", "不是数字"),
        ("1,,,,,sNaN,,1,,", "不是数字"),
        ("9" * 30 + ",,,,,1,,1,,", "不是数字"),
        ("a\0", "列数不够"),
    ],
)
def test_lines_that_no_list_has_are_refused_with_their_number(here, line, words):
    one = disclosure_at(here)
    file = Counted(head_of(one).encode() + line.encode() + b"\r\n" * 10)
    with pytest.raises(BadInput, match=words):
        list(files.OpenFile(file).lines(100))
    assert file.taken < 50_000


def test_an_upload_of_nothing_but_lines_breaks_no_page(client):
    for content in (b"x" * 200_000, b"\n" * 300_000, files.MARK.encode() + b',1,"\n'):
        page = client.post(reverse("publicity:verify-file"), {"file": SimpleUploadedFile("a.csv", content)})
        assert page.status_code == 200
        assert "还不能比" in page.content.decode()


def test_a_list_of_another_encoding_is_still_found_the_same(listed, client):
    other = listed.with_name("gb.csv")
    other.write_bytes(listed.read_text("utf-8-sig").encode("gb18030"))
    assert "是真的，一字不差" in upload(client, other).content.decode()


def test_added_and_left_out_lines_are_both_named_in_order(here):
    theirs = list(queries.open_lines(disclosure_at(here)))
    added = dataclasses.replace(theirs[-1], line_no=theirs[-1].line_no + 1)
    found = rules.differences([*theirs[1:], added], iter(theirs))
    assert [(one.line_no, one.mine == "没有") for one in found] == [(1, True), (added.line_no, False)]


def test_files_are_compared_a_limited_number_of_times_an_hour(listed, client):
    for _ in range(rules.LIMITS["compare"].most):
        assert upload(client, listed).status_code == 200
    assert upload(client, listed).status_code == 429


def test_codes_are_asked_a_limited_number_of_times_an_hour(here, client):
    url = reverse("publicity:verify-code", args=[disclosure_at(here).code])
    assert client.get(url).status_code == 200
    for _ in range(rules.LIMITS["verify"].most - 1):
        services.count_use("verify", "127.0.0.1")
    assert client.get(url).status_code == 429


def test_the_code_page_lets_the_database_hash_and_loads_no_line(here, client):
    with CaptureQueriesContext(connection) as seen:
        page = client.get(reverse("publicity:verify-code", args=[disclosure_at(here).code]))
    assert "一字不差" in page.content.decode()
    asked = [one["sql"] for one in seen.captured_queries if "publicity_disclosureline" in one["sql"]]
    assert len(asked) == 1
    assert "hm_merkle_root" in asked[0]


# --- what a public page may leave with a proxy ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/verify/", "/policies/", "/notices/", "/villages/"])
def test_a_page_that_proxies_may_keep_sets_no_cookie_and_holds_no_token(path, db):
    client = Client(enforce_csrf_checks=True)
    for _ in range(2):  # the second time with the cookie of the first
        page = client.get(path)
        client.get("/verify/")
        if "public" in page.get("Cache-Control", ""):
            assert not page.cookies
            assert "csrfmiddlewaretoken" not in page.content.decode()
        else:
            assert path == "/verify/"
            assert "private" in page["Cache-Control"]


def test_stopped_money_is_told_apart_from_what_was_signed_and_sent(client):
    here = make.world(4)
    batch = make.issued_batch(here)
    roster = batch.rosters.order_by("-line_count").first()
    stopped = roster.lines.first()
    money.stop_line(stopped.pk, reason="本人放弃", actor=here["town"])
    order = make.sent_order(here, batch)
    make.returned(here, order)
    sums = queries.roster_sums(roster.pk)
    assert (sums.stopped_count, sums.stopped_total) == (1, stopped.amount)
    assert (sums.sent_count, sums.sent_total) == queries_of_money.unstopped_total(roster)
    one = services.publish_disclosure(roster.pk, actor=here["department"])
    page = client.get(reverse("publicity:verify-code", args=[one.code])).content.decode()
    rows = dict(
        re.findall(
            r'<th scope="row">([^<]+)</th>\s*<td class="num">\d+</td>\s*<td class="num">([\d,.]+)</td>', page
        )
    )
    assert rows["签章发放"] == f"{roster.total - stopped.amount:,.2f}"
    assert rows["名单上有，签章前已停发"] == f"{stopped.amount:,.2f}"
