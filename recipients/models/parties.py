"""Who receives: a record, and of policies of households (到户) the household in which it stands.

Nobody changes the household of a record, and nothing hangs on a record that is set aside (作废): a right is of its record, and
of a policy of households of its record's household, for good (docs/decisions/0022). Lists, guards, stops, separation and
proofs ask the rights of one household by HOUSEHOLD_RIGHTS, and nothing else.
"""

import pgtrigger

# what follows from an ID number, and it; as columns of a change and of the record
NUMBER = ("id_number", "id_key", "id_commitment", "birth_date", "sex")


def number_changes_by_request() -> pgtrigger.Trigger:
    """Of Person: nobody becomes somebody else (docs/decisions/0021), a wrong number is corrected by an approved NumberChange.

    The record bears what its newest approved change says and nothing else: an earlier one is not put back. While two records
    exchange their numbers the first stands under the digest of its id, which nobody leaves behind (number_is_one).
    """
    new, old = (", ".join(f"{row}.{column}" for column in NUMBER) for row in ("NEW", "OLD"))
    return pgtrigger.Trigger(
        name="number_changes_by_request",
        operation=pgtrigger.UpdateOf(*NUMBER),
        when=pgtrigger.Before,
        condition=pgtrigger.Condition(f"ROW({new}) IS DISTINCT FROM ROW({old})"),
        func="""
            DECLARE c recipients_numberchange;
            BEGIN
                SELECT * INTO c FROM recipients_numberchange
                    WHERE NEW.id IN (person_id, other_id) AND status = 'approved' ORDER BY id DESC LIMIT 1;
                IF NOT coalesce(CASE
                       WHEN c.person_id = NEW.id AND NEW.id_key = c.id_key THEN
                           (NEW.id_number, NEW.id_commitment, NEW.birth_date, NEW.sex)
                           = (c.id_number, c.id_commitment, c.birth_date, c.sex)
                       WHEN c.other_id = NEW.id AND NEW.id_key = c.old_key THEN
                           (NEW.id_number, NEW.id_commitment, NEW.birth_date, NEW.sex)
                           = (c.old_number, c.other_commitment, c.old_birth_date, c.old_sex)
                       ELSE c.person_id = NEW.id AND c.other_id IS NOT NULL
                           AND NEW.id_key = sha256(('exchanging ' || NEW.id)::bytea) END, false) THEN
                    RAISE EXCEPTION '身份证号只由复核通过的“更正身份证号”改变' USING ERRCODE = '23514';
                END IF;
                RETURN NEW;
            END;
        """,
    )


def number_is_one() -> pgtrigger.Trigger:
    """Of Person: when the transaction ends nobody stands under the digest of an exchange."""
    return pgtrigger.Trigger(
        name="number_is_one",
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("id_key"),
        when=pgtrigger.After,
        timing=pgtrigger.Deferred,
        func="""
            IF EXISTS (SELECT FROM recipients_person p
                       WHERE p.id = NEW.id AND p.id_key = sha256(('exchanging ' || p.id)::bytea)) THEN
                RAISE EXCEPTION '互换身份证号没有办完' USING ERRCODE = '23514';
            END IF;
            RETURN NULL;
        """,
    )


def whose_it_is() -> pgtrigger.Trigger:
    """Of Entitlement."""
    return pgtrigger.Trigger(
        name="right_is_of_a_recipient",
        operation=pgtrigger.Insert,
        when=pgtrigger.Before,
        func="""
            SELECT CASE WHEN y.object_type = 'household' THEN p.household_id END INTO NEW.house
            FROM recipients_person p, subsidies_policy y WHERE p.id = NEW.beneficiary_id AND y.id = NEW.policy_id;
            RETURN NEW;
        """,
    )


# rights (right_id) to policies of households (到户), and the others (other_id) of the same household to the same policy,
# however each came by it: of these one at a time is paid
HOUSEHOLD_RIGHTS = """(SELECT e.id AS right_id, o.id AS other_id, e.house FROM recipients_entitlement e
    JOIN recipients_entitlement o ON o.policy_id = e.policy_id AND o.house = e.house AND o.id <> e.id
    WHERE e.house IS NOT NULL)"""


def of_one_recipient(rows: str) -> str:
    """A FROM item: rows that name an entitlement_id, with each right_id for which they stand as well (is_own: it is that).

    The rows are few: the others' rights are looked up row by row (OFFSET 0), also where nobody has analysed the tables.
    """
    return f"""(SELECT t.*, t.entitlement_id AS right_id, true AS is_own FROM {rows} t
        UNION ALL SELECT t.*, h.right_id, false FROM {rows} t CROSS JOIN LATERAL (
            SELECT x.right_id FROM {HOUSEHOLD_RIGHTS} x WHERE x.other_id = t.entitlement_id OFFSET 0) h)"""  # noqa: S608


def payee_of(right: str = "e", version: str = "v") -> str:
    """Who is paid of a version of a right today: the one it is for, or whoever is head of that household by then.

    Nobody else is ever declared (payee_is_beneficiary_or_holder), so a payee who is another one is the head; when the head dies or
    changes, the money of the others goes to the next one without a new declaration.
    """
    return f"""CASE WHEN {version}.payee_id = {right}.beneficiary_id THEN {version}.payee_id ELSE coalesce((
        SELECT top.id FROM recipients_person own JOIN recipients_person top ON top.household_id = own.household_id
             AND top.is_holder AND top.status <> 'void' WHERE own.id = {right}.beneficiary_id), {version}.payee_id) END"""  # noqa: S608
