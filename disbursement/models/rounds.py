"""No round of a one-off is given up under which somebody is declared or listed: a guard of the lower room's table."""

import pgtrigger

from subsidies.models import PaymentRound


class RoundInUse(PaymentRound):
    """A round, by what the rooms above made of it. Books and batches that were set aside do not hinder; where there were
    any, or a book was confirmed, somebody else gives the round up than who opened it."""

    class Meta:
        proxy = True
        verbose_name = verbose_name_plural = "一次性发放"
        triggers = [
            pgtrigger.Trigger(
                name="round_in_use_stays",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("OLD.given_up_at IS NULL AND NEW.given_up_at IS NOT NULL"),
                # whoever declares or lists holds the round (of_its_round), and is seen here
                func="""
                    IF EXISTS (SELECT FROM disbursement_batch b
                               WHERE b.payment_round_id = NEW.id AND b.status <> 'cancelled') THEN
                        RAISE EXCEPTION '这一次已有批次，不能放弃。请部门经办先把没送审的名单收回，批次作废'
                            USING ERRCODE = '23514';
                    END IF;
                    IF EXISTS (SELECT FROM recipients_declaration d WHERE d.payment_round_id = NEW.id
                               AND d.status NOT IN ('withdrawn', 'confirmed')) THEN
                        RAISE EXCEPTION '这一次有申报册正在办，不能放弃。已送审的先退回，再由编册的村、乡镇作废' USING ERRCODE = '23514';
                    END IF;
                    IF (EXISTS (SELECT FROM disbursement_batch b WHERE b.payment_round_id = NEW.id)
                        OR EXISTS (SELECT FROM recipients_declaration d WHERE d.payment_round_id = NEW.id))
                       AND (SELECT count(DISTINCT person_key) FROM core_user
                            WHERE id IN (NEW.opened_by_id, NEW.given_up_by_id)) < 2 THEN
                        RAISE EXCEPTION '这一次已有人申报过，要由另一个人放弃，开的人不能自己放弃' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]
