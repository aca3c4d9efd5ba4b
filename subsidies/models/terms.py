"""The version of a policy under which something was made for a period is the one of that period."""

import pgtrigger


def of_its_version() -> pgtrigger.Trigger:
    """For tables with policy, version and period_range: made by the version that is published for the first day of the period.

    The policy is held, so that no other version is published for that day meanwhile; none is afterwards (VersionInUse).
    """
    return pgtrigger.Trigger(
        name="of_its_version",
        operation=pgtrigger.Insert,
        when=pgtrigger.Before,
        func="""
            PERFORM FROM subsidies_policy p WHERE p.id = NEW.policy_id FOR SHARE;
            IF NOT EXISTS (SELECT FROM subsidies_policyversion v WHERE v.id = NEW.version_id AND v.policy_id = NEW.policy_id
                           AND v.status = 'published' AND v.valid @> lower(NEW.period_range)) THEN
                RAISE EXCEPTION '这一期的补贴标准不是这一版' USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        """,
    )
