"""Whose a right is beside the person whose name it bears: SQL that lists, guards, stops, separation and proofs share.

A household is who lives in it under whatever record. A record that was set aside (作废) and registered anew, perhaps in a
household that was registered anew as well, is the same human being by its ID number, and one household by any of them.
"""


def _rights(policies: str, others: str) -> str:
    """Rights e with the same policy's rights o of other people, given which policies y, and FROM items that name them m."""
    return f"""SELECT e.id AS right_id, b.household_id, o.id AS other_id, m.household_id AS other_household_id
    FROM recipients_entitlement e
    JOIN subsidies_policy y ON y.id = e.policy_id AND y.object_type = '{policies}'
    JOIN recipients_person b ON b.id = e.beneficiary_id
    {others}
    JOIN recipients_entitlement o ON o.beneficiary_id = m.id AND o.policy_id = e.policy_id"""  # noqa: S608


_MEMBERS = "JOIN recipients_person m ON m.household_id = b.household_id AND m.id <> b.id"
# what a living record has beside it under its ID number is set aside (person_once_per_county), and the other way round
_SET_ASIDE_BEFORE = """JOIN recipients_person m ON m.id_key = {one}.id_key AND m.status = 'void'
         AND m.county_code = {one}.county_code AND m.id <> {one}.id"""
_REGISTERED_ANEW = """JOIN recipients_person {one} ON b.status = 'void' AND {one}.id_key = b.id_key
         AND {one}.status <> 'void' AND {one}.county_code = b.county_code"""

# rights (right_id) to policies of households (到户), and those of others of the same household to the same policy
# (other_id), however each came by it: of these one at a time is paid
HOUSEHOLD_RIGHTS = f"""({_rights("household", _MEMBERS)}
    UNION ALL {
    _rights(
        "household",
        "JOIN recipients_person z ON z.household_id = b.household_id AND z.status <> 'void' "
        + _SET_ASIDE_BEFORE.format(one="z")
        + " AND m.household_id <> b.household_id",
    )
}
    UNION ALL {
    _rights(
        "household",
        _REGISTERED_ANEW.format(one="n")
        + " AND n.household_id <> b.household_id JOIN recipients_person m ON m.household_id = n.household_id",
    )
})"""

# the same, and of policies of persons (到人) the rights that one human being has under another record
RIGHTS_OF_ONE = f"""({HOUSEHOLD_RIGHTS[1:-1]}
    UNION ALL {_rights("person", _SET_ASIDE_BEFORE.format(one="b"))}
    UNION ALL {_rights("person", _REGISTERED_ANEW.format(one="m"))})"""


def of_one_recipient(rows: str) -> str:
    """A FROM item: rows that name an entitlement_id, with each right_id for which they stand as well (is_own: it is that).

    The rows are few: the others' rights are looked up row by row (OFFSET 0), also where nobody has analysed the tables.
    """
    return f"""(SELECT t.*, t.entitlement_id AS right_id, true AS is_own FROM {rows} t
        UNION ALL SELECT t.*, h.right_id, false FROM {rows} t CROSS JOIN LATERAL (
            SELECT x.right_id FROM {RIGHTS_OF_ONE} x WHERE x.other_id = t.entitlement_id OFFSET 0) h)"""  # noqa: S608
