"""What `prove` finds when somebody with the owner's rights changes an open list."""

import pytest
from django.urls import reverse

from huimin.core.records import proofs
from tests.publicity.factories import published_world


@pytest.fixture
def world(committed_db):
    return published_world(6)


def faults():
    return [fault for one in proofs.run_all() if "公开" in one.name for fault in one.faults]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("amount = amount + 0.01 WHERE line_no = 2", 2),
        ("commitment = sha256('x') WHERE line_no = 2", 2),
        ("village = '13800138000' WHERE line_no = 2", 1),
    ],
)
def test_the_proofs_name_what_was_changed(world, owner_connection, change, found):
    with owner_connection.cursor() as cursor:
        cursor.execute("ALTER TABLE publicity_disclosureline DISABLE TRIGGER USER")
        cursor.execute(f"UPDATE publicity_disclosureline SET {change}")
        owner_connection.commit()
    assert len(faults()) >= found
    assert any("第 2 行" in fault for fault in faults())


@pytest.mark.parametrize(
    "change", ["amount = amount + 0.01", "commitment = sha256('x')", "shown_name = '赵一'"]
)
def test_the_code_page_says_so_when_a_line_was_changed_behind_the_database(
    world, owner_connection, client, change
):
    code = world.disclosures[0].code
    url = reverse("publicity:verify-code", args=[code])
    assert "是真的，一字不差" in client.get(url).content.decode()
    with owner_connection.cursor() as cursor:
        cursor.execute("ALTER TABLE publicity_disclosureline DISABLE TRIGGER USER")
        cursor.execute(f"UPDATE publicity_disclosureline SET {change} WHERE line_no = 1")
        owner_connection.commit()
    assert "对不上" in client.get(url).content.decode()
