"""No record is set aside on which money was ever listed, and none that is set aside is listed: guards of the lower room's
table and of the claims."""

import pgtrigger

from recipients.models import Person


class RecordInUse(Person):
    """A person's record, by what the lists made of it: a line of any version of a list stays under the record it names."""

    class Meta:
        proxy = True
        verbose_name = verbose_name_plural = "人员"
        triggers = [
            pgtrigger.Trigger(
                name="set_aside_without_money",
                operation=pgtrigger.UpdateOf("status"),
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.status = 'void' AND OLD.status <> 'void'"),
                # while nobody lists: whoever does holds this lock shared (household_never_paid_twice)
                func="""
                    PERFORM pg_advisory_xact_lock(hashtext('recipients.succession'));
                    IF EXISTS (SELECT FROM disbursement_paymentline l WHERE l.beneficiary_id = NEW.id)
                       OR EXISTS (SELECT FROM recipients_person b JOIN disbursement_paymentline l ON l.beneficiary_id = b.id
                                  WHERE b.household_id = NEW.household_id AND l.payee_id = NEW.id) THEN
                        RAISE EXCEPTION '这份档案列入过花名册，不能作废' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]


def nothing_listed_of_void_records() -> pgtrigger.Trigger:
    """Of Claim, after household_never_paid_twice by its name, which holds the lock against who sets a record aside."""
    return pgtrigger.Trigger(
        name="nothing_listed_of_void_records",
        operation=pgtrigger.Insert,
        when=pgtrigger.After,
        level=pgtrigger.Statement,
        referencing=pgtrigger.Referencing(new="added"),
        func="""
            IF EXISTS (SELECT FROM added a JOIN recipients_entitlement e ON e.id = a.entitlement_id
                       JOIN recipients_person p ON p.id = e.beneficiary_id WHERE p.status = 'void') THEN
                RAISE EXCEPTION '有人的档案刚刚作废（nothing_listed_of_void_records）' USING ERRCODE = '23514';
            END IF;
            RETURN NULL;
        """,
    )
