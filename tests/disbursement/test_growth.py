"""Pages do not read all years to show the newest days, the few failures, or one list."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from disbursement import queries, services
from disbursement.models import PaymentLine
from disbursement.queries.stale import stale_sql, to_be_ordered
from disbursement.services import generation, origins
from disbursement.services.confirming import APPLY
from publicity import queries as public
from recipients.models import Account, Entitlement, EntitlementVersion, Person
from tests.disbursement import factories as make
from tests.disbursement.test_pages import page_of
from tests.factories import COUNTY, TOWN, VILLAGE
from tests.plans import buffers_read, nodes, plan_of, rows_read, rows_read_by

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
    beneficiary_id, beneficiary_name, beneficiary_id_number, beneficiary_key, public_name, payee_id, payee_name, payee_id_number,
    payee_key, account_number, account_key, account_name, account_tail, bank_name, branch_code, quantity, standard_text,
    amount, salt, commitment, leaf)
SELECT 900000 + n, '{COUNTY}', '{VILLAGE}', 900000, 1, n, 1, n, n, 'regular', '[2026-01-01,2027-01-01)', '', '', '', n, '',
    '', sha256(n::text::bytea), '', n, '', '', sha256(n::text::bytea), '', sha256(n::text::bytea), '', '', '', '', 1, '',
    1.00, '', '', ''
FROM generate_series(1, {LINES}) n;
INSERT INTO disbursement_paymentresult (line_id, kind, reason, note, actor_id, business_on)
SELECT 900000 + n, CASE WHEN n % {LINES // FAILED} = 0 THEN 'bank_failed' ELSE 'paid' END, '', '', 1,
    date '2020-01-01' + n / {LINES // DAYS}
FROM generate_series(1, {LINES}) n;
INSERT INTO disbursement_journal (key, kind, subject, summary, posted_on, actor_id, county_code, division_code)
SELECT 'growth:' || n, 'pay', '', '', date '2020-01-01' + n, 1, '{COUNTY}', '{TOWN}' FROM generate_series(0, {DAYS}) n;
ANALYZE disbursement_roster; ANALYZE disbursement_paymentline; ANALYZE disbursement_paymentresult;
ANALYZE disbursement_journal
"""


@pytest.fixture
def years(owner_connection):
    owner_connection.execute(YEARS)
    return owner_connection


@pytest.mark.django_db
def test_the_days_of_the_ledger_read_no_payment(years):
    asked = {"counties": [COUNTY], "most": 5}
    since, found = years.execute(queries.SINCE, asked).fetchone()
    assert found == 5
    read = rows_read(years, queries.DAYS, asked | {"since": since})
    assert not {"disbursement_paymentresult", "disbursement_paymentline"} & set(read)
    assert read["disbursement_journal"] < DAYS / 4


@pytest.mark.django_db
def test_failed_lines_are_found_from_the_failures_not_from_all_lines(years):
    rows = queries.failed_lines(PaymentLine.objects.filter(county_code=COUNTY)).order_by().values("pk")
    read = rows_read_by(years, rows)
    assert read["disbursement_paymentresult"] <= 3 * FAILED
    assert read["disbursement_paymentline"] <= 3 * FAILED


@pytest.mark.django_db
def test_a_villager_s_own_payments_are_read_by_the_person_not_by_the_years(years):
    with CaptureQueriesContext(connection) as captured:
        public.payments_of(7)
    (asked,) = captured
    # the one line of theirs, and once more as one that may be told by another
    assert rows_read(years, asked["sql"])["disbursement_paymentline"] <= 2


# the county's first return, its results still empty and known as empty
FIRST_RETURN = """
ALTER TABLE disbursement_returnline DISABLE TRIGGER USER;
ALTER TABLE disbursement_paymentresult DISABLE TRIGGER USER;
TRUNCATE disbursement_paymentresult CASCADE;
INSERT INTO disbursement_returnline (return_file_id, line_no, payment_line_id, outcome, reason, bank_code, bank_words,
                                     question)
SELECT file, n, 900000 + n, CASE WHEN n %% 10 = 0 THEN 'failed' ELSE 'paid' END, '', '', '', ''
FROM generate_series(900000, 900000 + %s) file, generate_series(1, 5000) n;
ANALYZE disbursement_returnline; ANALYZE disbursement_paymentresult
"""


@pytest.mark.django_db
@pytest.mark.parametrize("refused_before", [0, 8])
def test_confirming_the_first_return_does_not_read_its_own_rows_again_and_again(
    owner_connection, refused_before
):
    owner_connection.execute(FIRST_RETURN % refused_before)
    asked = {"file": 900000, "actor": 1, "today": "2026-11-22"}
    assert buffers_read(owner_connection, APPLY, asked)["disbursement_paymentresult"] < 20_000
    assert owner_connection.execute("SELECT count(*) FROM disbursement_paymentresult").fetchone() == (5000,)


HISTORY = 1_000  # earlier payments of every right


def give_history(owner):
    """Earlier years of every line there is; one in fifty failed."""
    names = [field.column for field in PaymentLine._meta.concrete_fields if field.column != "id"]
    other = {"line_no": "l.line_no * 100000 + n", "period_range": "'[2015-01-01,2016-01-01)'"}
    values = ", ".join(other.get(name, f"l.{name}") for name in names)
    owner.execute(
        f"""ALTER TABLE disbursement_paymentline DISABLE TRIGGER USER;
        ALTER TABLE disbursement_paymentresult DISABLE TRIGGER USER;
        INSERT INTO disbursement_paymentline ({", ".join(names)})
        SELECT {values} FROM disbursement_paymentline l, generate_series(1, {HISTORY}) n;
        INSERT INTO disbursement_paymentresult (line_id, kind, reason, note, actor_id, business_on)
        SELECT id, CASE WHEN line_no % 50 = 0 THEN 'bank_failed' ELSE 'paid' END, '', '', 1, '2015-06-01'
        FROM disbursement_paymentline WHERE line_no > 100000;
        ANALYZE disbursement_paymentline; ANALYZE disbursement_paymentresult"""
    )


def test_who_is_due_and_unpaid_is_told_without_the_history_of_every_right(committed_db, owner_connection):
    here = make.world(6)
    batch = make.issued_batch(here)
    give_history(owner_connection)
    sql, params = generation._judged(batch, COUNTY, unclaimed=False)
    read = rows_read(owner_connection, f"{sql} SELECT reason, count(*) FROM judged GROUP BY reason", params)
    assert read["recipients_entitlement"] >= 6
    assert read["disbursement_paymentline"] <= 6 * HISTORY / 50


# what was given back in other years, right by right: each of these was withheld, ended and out of use many times
GIVEN_BACK_BEFORE = f"""
ALTER TABLE recipients_suspension DISABLE TRIGGER USER; ALTER TABLE recipients_ending DISABLE TRIGGER USER;
ALTER TABLE recipients_recordpause DISABLE TRIGGER USER;
INSERT INTO recipients_suspension (county_code, division_code, entitlement_id, policy_id, kind, status, first_day, last_day, rule,
    reason, made_by_id, made_at, lifted_by_id, lifted_at, lift_reason, correction_reason)
SELECT e.county_code, e.division_code, e.id, e.policy_id, 'withheld', 'lifted', '2015-01-01', '2015-02-01', 'next_month', 'x',
    u.id, '2015-01-01', u.id, '2015-02-01', 'x', ''
FROM recipients_entitlement e, (SELECT min(id) AS id FROM core_user) u, generate_series(1, {HISTORY}) n;
INSERT INTO recipients_ending (county_code, division_code, entitlement_id, policy_id, status, happened, rule, ends_on, made_by_id,
    made_at, over_at, corrected_by_id, correction_reason)
SELECT e.county_code, e.division_code, e.id, e.policy_id, 'corrected', '2015-01-01', 'next_month', '2015-02-01', u.id,
    '2015-01-01', '2015-02-01', v.id, 'x'
FROM recipients_entitlement e, (SELECT min(id) AS id FROM core_user) u, (SELECT max(id) AS id FROM core_user) v,
    generate_series(1, {HISTORY}) n;
INSERT INTO recipients_recordpause (county_code, division_code, person_id, status, reason, made_by_id, made_at, lifted_by_id,
    lifted_at, lift_reason)
SELECT p.county_code, p.division_code, p.id, 'lifted', 'x', u.id, '2015-01-01', u.id, '2015-02-01', 'x'
FROM recipients_person p, (SELECT min(id) AS id FROM core_user) u, generate_series(1, {HISTORY}) n;
ANALYZE recipients_suspension; ANALYZE recipients_ending; ANALYZE recipients_recordpause
"""


def test_whose_word_a_list_goes_by_is_asked_without_what_was_given_back_in_other_years(
    committed_db, owner_connection
):
    here = make.world(6)
    rosters = [one.pk for one in make.issued_batch(here).rosters.all()]
    owner_connection.execute(YEARS.replace("(900000, 1, 1,", "(900000, 900000, 1,"))  # of no batch there is
    owner_connection.execute(GIVEN_BACK_BEFORE)
    read = rows_read(owner_connection, origins.asked_of_lists(origins.GIVEN_BACK), [rosters])
    for table in ("recipients_suspension", "recipients_ending", "recipients_recordpause"):
        assert read.get(table, 0) <= 60, table
    assert read["disbursement_paymentresult"] <= 60


@pytest.mark.django_db
def test_the_payments_of_a_person_are_found_by_the_record(years):
    rows = PaymentLine.objects.filter(beneficiary_id=77).order_by("-pk").values("pk")
    assert rows_read_by(years, rows)["disbursement_paymentline"] == 1


def statements_about_lines(user, found, **params):
    client = page_of(user)
    with CaptureQueriesContext(connection) as captured:
        page = client.get(reverse("disbursement:return-detail", args=[found.pk]), params)
    left_out = {tab["name"]: tab["count"] for tab in page.context["tabs"]}["open"]
    return left_out, [one["sql"] for one in captured if "NOT " in one["sql"] and "paymentline" in one["sql"]]


@pytest.mark.django_db
@pytest.mark.parametrize("named", [{}, {"pending": {0, 1}}])
def test_a_return_that_names_every_line_asks_for_none_that_it_leaves_out(named):
    here = make.world(6)
    data = make.answer(make.sent_order(here), **named)
    found = services.accept_return(data, "hp.txt", actor=here["reconciler"]).return_file
    assert statements_about_lines(here["reconciler"], found) == (0, [])


@pytest.mark.django_db
def test_the_lines_that_a_return_leaves_out_are_counted_from_its_own_order(owner_connection):
    here = make.world(6)
    data = make.answer(make.sent_order(here), leave_out={0, 1}, pending={2})
    found = services.accept_return(data, "hp.txt", actor=here["reconciler"]).return_file
    left_out, asked = statements_about_lines(here["reconciler"], found)
    assert left_out == 2
    for sql in asked:  # a list to compare every line of all time with would be a part plan of its own
        assert not [
            node for node in nodes(plan_of(owner_connection, sql, run=False)) if "Subplan Name" in node
        ]


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


COPIES = 10_000


def copied(owner, model, pk, **other):
    """Many rows like that one, as the owner writes them."""
    table, names = model._meta.db_table, [field.column for field in model._meta.concrete_fields]
    values = ", ".join(other.get(name, f"t.{name}") for name in names)
    owner.execute(
        f"""ALTER TABLE {table} DISABLE TRIGGER USER;
        INSERT INTO {table} ({", ".join(names)}) SELECT {values} FROM {table} t, generate_series(1, {COPIES}) n
        WHERE t.id = {pk}; ANALYZE {table}"""
    )


def test_what_changed_since_submission_is_found_without_a_look_up_for_every_line(
    committed_db, owner_connection
):
    here = make.world(2)
    line = PaymentLine.objects.filter(roster__in=make.approved(here, make.issued_batch(here))).first()
    card = Account.objects.get(person=line.beneficiary_id)
    connection.close()
    number, key = "1000000 + n", "sha256(n::text::bytea)"
    person = {"id": number, "id_key": key, "is_holder": "false", "name": "n"}
    copied(owner_connection, Person, line.beneficiary_id, **person)
    copied(owner_connection, Account, card.pk, id=number, person_id=number)
    copied(owner_connection, Entitlement, line.entitlement_id, id=number, beneficiary_id=number)
    right = {"id": number, "entitlement_id": number, "payee_id": number, "source_line_id": number}
    copied(owner_connection, EntitlementVersion, line.entitlement_version_id, **right)
    paid = {"id": number, "line_no": number, "beneficiary_id": number, "beneficiary_key": key}
    paid |= {"entitlement_id": number, "entitlement_version_id": number}
    copied(owner_connection, PaymentLine, line.pk, **paid)
    owner_connection.execute("ANALYZE disbursement_roster")
    sql, params = stale_sql(here.policy.versions.get(), to_be_ordered([line.roster_id]))
    params |= {"rosters": [line.roster_id], "most": 100}
    plan = plan_of(owner_connection, sql, params)
    # nothing is begun anew for every line; the amount is worked out from the row alone
    assert max(node["Actual Loops"] for node in nodes(plan) if node["Node Type"] != "Result") < COPIES / 100
    assert owner_connection.execute(sql, params).fetchall() == []
    owner_connection.execute("UPDATE recipients_account SET is_active = false WHERE id % 1000 = 7")
    found = owner_connection.execute(sql, params).fetchall()
    assert [row[4] for row in found] == ["银行账号收款人没有在用的银行账户"] * (COPIES // 1000)
