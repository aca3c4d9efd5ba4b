"""What `prove` finds when somebody with the owner's rights changes an open list."""

import pytest

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
