"""Anyone can compare wall, web and bank: codes, files, and the script that needs nothing of ours."""

import csv
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
        files.read_csv(other.read_bytes())


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
        files.read_csv(rewritten(listed, finer).read_bytes())


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
    assert (sums.sent_count, sums.sent_total) == queries_of_money.ordered_totals([roster.pk])[roster.pk]
    one = services.publish_disclosure(roster.pk, actor=here["department"])
    page = client.get(reverse("publicity:verify-code", args=[one.code])).content.decode()
    rows = dict(
        re.findall(
            r'<th scope="row">([^<]+)</th>\s*<td class="num">\d+</td>\s*<td class="num">([\d,.]+)</td>', page
        )
    )
    assert rows["签章发放"] == f"{roster.total - stopped.amount:,.2f}"
    assert rows["名单上有，签章前已停发"] == f"{stopped.amount:,.2f}"
