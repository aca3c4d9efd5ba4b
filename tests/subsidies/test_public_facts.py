"""`prove` asks of public policies what they said when they were published, and what was corrected since."""

from subsidies import proofs, services
from tests.subsidies.factories import people, published


def test_facts_that_neither_publishing_nor_a_correction_says_are_seen_by_the_proof(
    committed_db, owner_connection
):
    office = people()
    one = published(*office)
    change = services.ask_change(one, reason="登记错了", actor=office[0], phone="0564-7061234")
    services.advance_change(change.pk, "approve", actor=office[1])
    assert proofs.public_facts_are_as_published_and_corrected() == (1, [])
    owner_connection.execute("ALTER TABLE subsidies_policy DISABLE TRIGGER USER")
    owner_connection.execute(
        f"UPDATE subsidies_policy SET phone = '', is_protected = true WHERE id = {one.pk}"
    )
    owner_connection.execute("ALTER TABLE subsidies_policy ENABLE TRIGGER USER")
    owner_connection.commit()
    (_, found) = proofs.public_facts_are_as_published_and_corrected()
    assert sorted(found) == [f"{one.code} {one.name}：is_protected", f"{one.code} {one.name}：phone"]
