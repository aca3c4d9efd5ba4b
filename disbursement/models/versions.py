"""No version is published over a period that is declared or listed by another: a guard of the lower room's table."""

import pgtrigger

from subsidies.models import PolicyVersion


class VersionInUse(PolicyVersion):
    """A version, by what the rooms above made of it. Books and batches that were set aside do not count."""

    class Meta:
        proxy = True
        verbose_name = verbose_name_plural = "政策版本"
        triggers = [
            pgtrigger.Trigger(
                name="version_overtakes_nothing",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.status = 'published'"),
                # whoever declares or lists holds the policy (of_its_version), and is seen here. The detail is for the
                # sentence of subsidies.services.versions: the earliest such period, its books and its batches
                func="""
                    DECLARE used record;
                    BEGIN
                        IF TG_OP = 'UPDATE' AND OLD.status = 'published' AND NEW.valid = OLD.valid THEN
                            RETURN NEW;
                        END IF;
                        PERFORM FROM subsidies_policy p WHERE p.id = NEW.policy_id FOR NO KEY UPDATE;
                        SELECT u.period, count(*) FILTER (WHERE u.is_book) AS books,
                               count(*) FILTER (WHERE NOT u.is_book) AS batches INTO used
                        FROM (SELECT d.period, lower(d.period_range) AS first_day, d.version_id, true AS is_book
                              FROM recipients_declaration d
                              WHERE d.policy_id = NEW.policy_id AND d.status <> 'withdrawn'
                              UNION ALL SELECT b.period, lower(b.period_range), b.version_id, false
                              FROM disbursement_batch b
                              WHERE b.policy_id = NEW.policy_id AND b.status <> 'cancelled') u
                        WHERE (u.version_id = NEW.id) <> (NEW.valid @> u.first_day)
                        GROUP BY u.period, u.first_day ORDER BY u.first_day LIMIT 1;
                        IF FOUND THEN
                            RAISE EXCEPTION '已申报或已列入批次的期次不换补贴标准' USING ERRCODE = '23514',
                                DETAIL = used.period || ' ' || used.books || ' ' || used.batches;
                        END IF;
                        RETURN NEW;
                    END;
                """,
            ),
        ]
