"""Who receives: the human beings and households behind records, and whose a right is beside the record it names.

A record says who somebody is and where. One that was wrong is set aside (作废) and registered anew, so a human being and a
household can stand under several. The database notes at registration which are the same (docs/decisions/0022); lists,
guards, stops, separation and proofs ask the rights, by RIGHTS_OF_ONE, and nothing else.
"""

import pgtrigger

# records m that were set aside, of the human being of record a
_SET_ASIDE = "m.human = {one}.human AND m.id_key = {one}.id_key AND m.status = 'void' AND m.id <> {one}.id"
# household o was left: it has no living head, and either its head was registered anew as a head, or nobody lives in it
_LEFT = """NOT EXISTS (SELECT FROM recipients_person p WHERE p.household_id = o.id AND p.status <> 'void'
                            AND p.died_on IS NULL AND (p.is_holder OR NOT (m.is_holder AND {one}.is_holder)))"""


def who_it_is() -> pgtrigger.Trigger:
    """Of Person: a number that was registered before is the same human being, and so is a name in the household that it was
    set aside in: the number was wrong, and the right one is another."""
    return pgtrigger.Trigger(
        name="record_is_of_a_human_being",
        operation=pgtrigger.Insert,
        when=pgtrigger.Before,
        func="""
            NEW.human := coalesce((SELECT min(m.human) FROM recipients_person m
                                   WHERE m.status = 'void' AND (
                                       m.id_key = NEW.id_key AND m.county_code = NEW.county_code
                                       OR m.household_id = NEW.household_id AND m.name = NEW.name
                                          AND m.sex = NEW.sex)), NEW.id);
            RETURN NEW;
        """,
    )


def registered_anew() -> pgtrigger.Trigger:
    """Of Person: a household that was left goes on in the one in which its head, or else the first of its people, stands.

    With it go the rights that it had, so what was paid or stopped there was paid or stopped here. Nobody lists meanwhile.
    """
    return pgtrigger.Trigger(
        name="household_that_was_left_goes_on",
        operation=pgtrigger.Insert,
        when=pgtrigger.After,
        level=pgtrigger.Statement,
        referencing=pgtrigger.Referencing(new="added"),
        func=f"""
            DECLARE gone record;
            BEGIN
                IF NOT EXISTS (SELECT FROM added WHERE human <> id) THEN
                    RETURN NULL;
                END IF;
                PERFORM pg_advisory_xact_lock(hashtext('recipients.succession'));
                FOR gone IN
                    SELECT DISTINCT ON (o.id) o.id, h.lineage FROM added a
                    JOIN recipients_person m ON {_SET_ASIDE.format(one="a")}
                    JOIN recipients_household o ON o.id = m.household_id
                    JOIN recipients_household h ON h.id = a.household_id AND h.lineage <> o.lineage
                    WHERE a.human <> a.id AND (o.lineage = o.id OR m.is_holder AND a.is_holder)
                      AND {_LEFT.format(one="a")}
                    ORDER BY o.id, m.is_holder AND a.is_holder DESC, m.is_holder DESC, a.id
                LOOP
                    UPDATE recipients_household SET lineage = gone.lineage, continued_at = business_now()
                    WHERE id = gone.id OR lineage = gone.id;
                    UPDATE recipients_entitlement e SET house = h.lineage
                    FROM recipients_person p JOIN recipients_household h ON h.id = p.household_id
                    WHERE h.lineage = gone.lineage AND e.beneficiary_id = p.id AND e.house <> h.lineage;
                END LOOP;
                RETURN NULL;
            END;
        """,  # noqa: S608 -- conditions of ours
    )


def household_begins() -> pgtrigger.Trigger:
    """Of Household."""
    return pgtrigger.Trigger(
        name="household_begins",
        operation=pgtrigger.Insert,
        when=pgtrigger.Before,
        func="NEW.lineage := NEW.id; NEW.continued_at := NULL; RETURN NEW;",
    )


def household_goes_on() -> pgtrigger.Trigger:
    """Of Household: it goes on where somebody of it was registered anew, and by no other hand."""
    return pgtrigger.Trigger(
        name="household_goes_on_where_its_people_are",
        operation=pgtrigger.UpdateOf("lineage", "continued_at"),
        when=pgtrigger.Before,
        condition=pgtrigger.Condition(
            "NEW.lineage <> OLD.lineage OR NEW.continued_at IS DISTINCT FROM OLD.continued_at"
        ),
        func=f"""
            IF NEW.lineage = OLD.lineage OR NOT EXISTS (
                    SELECT FROM recipients_household o
                    JOIN recipients_person m ON m.household_id = o.id
                    JOIN recipients_person n ON {_SET_ASIDE.format(one="n")} AND n.status <> 'void'
                    JOIN recipients_household h ON h.id = n.household_id AND h.lineage = NEW.lineage
                    WHERE o.id IN (NEW.id, OLD.lineage) AND {_LEFT.format(one="n")}) THEN
                RAISE EXCEPTION '一户只接续到家里人重新建档的那一户' USING ERRCODE = '23514';
            END IF;
            NEW.continued_at := business_now();
            RETURN NEW;
        """,
    )


def whose_it_is() -> pgtrigger.Trigger:
    """Of Entitlement."""
    return pgtrigger.Trigger(
        name="right_is_of_a_recipient",
        operation=pgtrigger.Insert,
        when=pgtrigger.Before,
        func="""
            SELECT p.human, CASE WHEN y.object_type = 'household' THEN h.lineage END INTO NEW.human, NEW.house
            FROM recipients_person p JOIN recipients_household h ON h.id = p.household_id, subsidies_policy y
            WHERE p.id = NEW.beneficiary_id AND y.id = NEW.policy_id;
            RETURN NEW;
        """,
    )


def right_stays_whose_it_is() -> pgtrigger.Trigger:
    """Of Entitlement: it is of the household in which its record stands, whatever that is now."""
    return pgtrigger.Trigger(
        name="right_stays_of_its_recipient",
        operation=pgtrigger.UpdateOf("human", "house"),
        when=pgtrigger.Before,
        condition=pgtrigger.Condition("NEW.human <> OLD.human OR NEW.house IS DISTINCT FROM OLD.house"),
        func="""
            IF NEW.human <> OLD.human OR OLD.house IS NULL OR NEW.house IS DISTINCT FROM (
                    SELECT h.lineage FROM recipients_person p JOIN recipients_household h ON h.id = p.household_id
                    WHERE p.id = NEW.beneficiary_id) THEN
                RAISE EXCEPTION '享受资格是谁的不能改' USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        """,
    )


def _rights(condition: str, beside: str) -> str:
    return f"""SELECT e.id AS right_id, o.id AS other_id, e.house, o.house AS other_house FROM recipients_entitlement e
    JOIN recipients_entitlement o ON o.policy_id = e.policy_id AND o.id <> e.id AND {beside}
    WHERE {condition}"""  # noqa: S608 -- conditions of ours


_OF_THE_HOUSE = _rights("e.house IS NOT NULL", "o.house = e.house")
_OF_THE_HUMAN_BEING = "o.human = e.human AND (e.house IS NULL OR o.house <> e.house)"

# rights (right_id) to policies of households (到户), and the others (other_id) of the same household, or of the same human
# being in another one, to the same policy, however each came by it: of these one at a time is paid
HOUSEHOLD_RIGHTS = f"({_OF_THE_HOUSE} UNION ALL {_rights('e.house IS NOT NULL', _OF_THE_HUMAN_BEING)})"
# rights of one human being under different records
RIGHTS_OF_A_HUMAN_BEING = f"({_rights('true', 'o.human = e.human')})"
# of either kind of policy, and with them of policies of persons (到人) the rights that one human being has under another record
RIGHTS_OF_ONE = f"({_OF_THE_HOUSE} UNION ALL {_rights('true', _OF_THE_HUMAN_BEING)})"


def of_one_recipient(rows: str) -> str:
    """A FROM item: rows that name an entitlement_id, with each right_id for which they stand as well (is_own: it is that).

    The rows are few: the others' rights are looked up row by row (OFFSET 0), also where nobody has analysed the tables.
    """
    return f"""(SELECT t.*, t.entitlement_id AS right_id, true AS is_own FROM {rows} t
        UNION ALL SELECT t.*, h.right_id, false FROM {rows} t CROSS JOIN LATERAL (
            SELECT x.right_id FROM {RIGHTS_OF_ONE} x WHERE x.other_id = t.entitlement_id OFFSET 0) h)"""  # noqa: S608


def payee_of(right: str = "e", version: str = "v") -> str:
    """Who is paid of a version of a right today: the one it is for, or whoever is head of that household by then.

    Nobody else is ever declared (payee_is_beneficiary_or_holder), so a payee who is another one is the head; when the head dies or
    changes, the money of the others goes to the next one without a new declaration.
    """
    return f"""CASE WHEN {version}.payee_id = {right}.beneficiary_id THEN {version}.payee_id ELSE coalesce((
        SELECT top.id FROM recipients_person own JOIN recipients_person top ON top.household_id = own.household_id
             AND top.is_holder AND top.status <> 'void' WHERE own.id = {right}.beneficiary_id), {version}.payee_id) END"""  # noqa: S608
