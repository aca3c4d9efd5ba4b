"""Pages do not read all years to show the newest days, the few failures, or one list."""

import hashlib
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from disbursement import queries
from disbursement.models import PaymentLine
from publicity import queries as public
from tests.disbursement import factories as make
from tests.disbursement.test_pages import page_of
from tests.factories import COUNTY, TOWN, VILLAGE

LINES, DAYS, FAILED = 20_000, 400, 40
# ten years of one township as rows: keys to other tables are asked for at commit only, and nothing is committed
YEARS = f"""
ALTER TABLE disbursement_roster DISABLE TRIGGER USER;
ALTER TABLE disbursement_paymentline DISABLE TRIGGER USER;
ALTER TABLE disbursement_paymentresult DISABLE TRIGGER USER;
ALTER TABLE disbursement_journal DISABLE TRIGGER USER;
INSERT INTO disbursement_roster (id, batch_id, policy_id, county_code, division_code, revision, status, line_count, total,
                                 content_hash)
VALUES (900000, 1, 1, '{COUNTY}', '{TOWN}', 1, 'approved', 0, 0, '');
INSERT INTO disbursement_paymentline (id, county_code, division_code, roster_id, revision, line_no, policy_id,
    entitlement_id, entitlement_version_id, component, period_range, household_code, group_name, holder_name,
    beneficiary_id, beneficiary_name, beneficiary_id_number, beneficiary_key, public_name, payee_name, payee_id_number,
    payee_key, account_number, account_key, account_name, account_tail, bank_name, branch_code, quantity, standard_text,
    amount, salt, commitment, leaf)
SELECT 900000 + n, '{COUNTY}', '{VILLAGE}', 900000, 1, n, 1, n, n, 'regular', '[2026-01-01,2027-01-01)', '', '', '', n, '',
    '', sha256(n::text::bytea), '', '', '', sha256(n::text::bytea), '', sha256(n::text::bytea), '', '', '', '', 1, '',
    1.00, '', '', ''
FROM generate_series(1, {LINES}) n;
INSERT INTO disbursement_paymentresult (line_id, kind, reason, note, actor_id, business_on)
SELECT 900000 + n, CASE WHEN n % {LINES // FAILED} = 0 THEN 'bank_failed' ELSE 'paid' END, '', '', 1,
    date '2020-01-01' + n / {LINES // DAYS}
FROM generate_series(1, {LINES}) n;
INSERT INTO disbursement_journal (key, kind, subject, summary, posted_on, actor_id, county_code, division_code)
SELECT 'growth:' || n, 'pay', '', '', date '2020-01-01' + n, 1, '{COUNTY}', '{TOWN}' FROM generate_series(0, {DAYS}) n;
SELECT brin_summarize_new_values('result_day');
ANALYZE disbursement_roster; ANALYZE disbursement_paymentline; ANALYZE disbursement_paymentresult;
ANALYZE disbursement_journal
"""


@pytest.fixture
def years(owner_connection):
    owner_connection.execute(YEARS)
    return owner_connection


def rows_read(owner, sql, params):
    """Table -> rows that the statement took from it or threw away."""
    plan = owner.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params).fetchone()[0]
    found = {}

    def walk(node):
        if name := node.get("Relation Name"):
            rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            rows += node.get("Rows Removed by Index Recheck", 0)
            found[name] = found.get(name, 0) + rows * node["Actual Loops"]
        for part in node.get("Plans", ()):
            walk(part)

    walk((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    return found


@pytest.mark.django_db
def test_the_newest_days_of_the_ledger_read_the_results_of_those_days(years):
    asked = {"counties": [COUNTY], "most": 5}
    since, found = years.execute(queries.SINCE, asked).fetchone()
    assert found == 5
    # as Django sends it: values inside the statement
    days = queries.DAYS % {"counties": f"ARRAY['{COUNTY}']", "most": 5, "since": f"date '{since}'"}
    assert rows_read(years, days, None)["disbursement_paymentresult"] < LINES / 4
    everything = queries.DAYS % {"counties": f"ARRAY['{COUNTY}']", "most": 5, "since": "date '0001-01-01'"}
    assert rows_read(years, everything, None)["disbursement_paymentresult"] >= LINES


@pytest.mark.django_db
def test_failed_lines_are_found_from_the_failures_not_from_all_lines(years):
    rows = queries.failed_lines(PaymentLine.objects.filter(county_code=COUNTY)).order_by().values("pk")
    sql, params = rows.query.sql_with_params()
    read = rows_read(years, sql, list(params))
    assert read["disbursement_paymentresult"] <= 3 * FAILED
    assert read["disbursement_paymentline"] <= 3 * FAILED


@pytest.mark.django_db
def test_a_villager_s_own_payments_are_read_by_the_person_not_by_the_years(years):
    with CaptureQueriesContext(connection) as captured:
        public.payments_of_key(hashlib.sha256(b"7").digest())
    (asked,) = captured
    assert rows_read(years, asked["sql"], None)["disbursement_paymentline"] == 1


def hashed(user, roster, **params):
    """Whether the page had the list hashed, and the page."""
    client = page_of(user)
    with CaptureQueriesContext(connection) as captured:
        page = client.get(reverse("disbursement:roster-detail", args=[roster.pk]), params)
    return any("hm_merkle_root" in one["sql"] for one in captured), page.content.decode()


@pytest.mark.django_db
def test_only_who_decides_upon_a_list_or_asks_has_every_line_hashed():
    here = make.world(4)
    roster = make.issued_batch(here).rosters.get(division_code=TOWN)
    assert hashed(here["town"], roster)[0]
    was_hashed, page = hashed(here["finance"], roster)
    assert not was_hashed
    assert "明细的笔数、金额与登记一致" in page
    was_hashed, page = hashed(here["finance"], roster, recompute="1")
    assert was_hashed
    assert "明细与名单指纹一致" in page
