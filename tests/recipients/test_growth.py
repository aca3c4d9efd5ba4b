"""Lists of people do not read everybody to show a page."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from huimin.core.authority.roles import Role
from recipients import queries
from tests.factories import COUNTY, VILLAGE, UserFactory
from tests.plans import rows_read_by
from tests.recipients.factories import declaration

# a county of one big household; whoever they are is asked for at commit only, and nothing is committed
COUNTY_OF_PEOPLE = f"""
ALTER TABLE recipients_person DISABLE TRIGGER USER;
INSERT INTO recipients_household (id, county_code, division_code, code, group_name, status)
VALUES (900000, '{COUNTY}', '{VILLAGE}', 'H900000', '', 'normal');
INSERT INTO recipients_person (county_code, division_code, household_id, is_holder, relation, name, name_key, id_number,
    id_key, commit_salt, id_commitment, birth_date, sex, is_low_income, is_rural, is_poverty_relief, is_extreme_poverty,
    note, status, created_by_id)
SELECT '{COUNTY}', '{VILLAGE}', 900000, FALSE, '10', '人' || n, md5(n::text), '', sha256(n::text::bytea), gen_random_uuid(), '',
    '1970-01-01', '1', FALSE, TRUE, FALSE, FALSE, '', 'normal', 1
FROM generate_series(1, 5000) n;
ANALYZE recipients_person; ANALYZE recipients_household
"""


@pytest.mark.django_db
def test_the_countys_first_page_of_people_reads_a_page_of_people(owner_connection):
    reader = UserFactory(role=Role.FINANCE_CLERK, at=COUNTY)
    owner_connection.execute(COUNTY_OF_PEOPLE)
    page = queries.people_for(reader).order_by("name_key", "pk")[:21]
    assert rows_read_by(owner_connection, page)["recipients_person"] <= 21


@pytest.mark.django_db
def test_the_list_of_declarations_reads_no_line_of_any(client):
    one = declaration()
    client.force_login(one.made_by)
    with CaptureQueriesContext(connection) as captured:
        page = client.get(reverse("recipients:declaration-list"))
    assert page.context["totals"]["heads"] == 2
    assert not [asked["sql"] for asked in captured if "recipients_declarationline" in asked["sql"]]
