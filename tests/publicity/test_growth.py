"""Public pages read what they show, not what was ever made public."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import VILLAGE
from tests.plans import rows_read
from tests.publicity import factories as make

# the rest of the township: other villages on the same lists
NEIGHBOURS = """
ALTER TABLE publicity_disclosureline DISABLE TRIGGER USER;
INSERT INTO publicity_disclosureline (disclosure_id, line_no, division_code, village, group_name, shown_name, quantity,
                                      standard_text, amount, state, commitment)
SELECT d.id, 100000 + n, left(d.division_code, 9) || '999', '', '', '', 1, '', 1, 'paid', ''
FROM publicity_disclosure d, generate_series(1, 5000) n;
ANALYZE publicity_disclosure; ANALYZE publicity_disclosureline
"""


def test_the_page_of_a_village_reads_the_villages_lines_alone(committed_db, owner_connection, client):
    make.published_world(10)
    with CaptureQueriesContext(connection) as captured:
        page = client.get(reverse("publicity:place", args=[VILLAGE]))
    asked = [one["sql"] for one in captured if "publicity_disclosureline" in one["sql"]]
    owner_connection.execute(NEIGHBOURS)
    own = sum(row.count for row in page.context["rows"])
    read = [rows_read(owner_connection, sql)["publicity_disclosureline"] for sql in asked]
    assert own == 6
    assert asked
    assert max(read) <= own


@pytest.mark.django_db
def test_a_village_and_its_township_tell_their_own_figures(client):
    here = make.published_world(10)
    at = {
        code: client.get(reverse("publicity:place", args=[code])) for code in (VILLAGE, VILLAGE[:9] + "000")
    }
    for code, page in at.items():
        lines = make.disclosure_at(here).lines.filter(division_code__startswith=code.rstrip("0"))
        (row,) = page.context["rows"]
        assert (row.count, row.total) == (lines.count(), sum(line.amount for line in lines))
