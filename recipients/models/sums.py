"""People and sum of a declaration, kept on its row by triggers: lists of books read no line of any book."""

import pgtrigger

# of every declaration whose lines the statement touched; who writes lines holds the lock of their declaration
_ADD_UP = """
    UPDATE recipients_declaration d SET people = s.people, total = s.total
    FROM (SELECT t.declaration_id, count(l.id) AS people, coalesce(sum(l.amount), 0) AS total
          FROM (SELECT DISTINCT declaration_id FROM touched) t
          LEFT JOIN recipients_declarationline l ON l.declaration_id = t.declaration_id AND l.excluded_at_level = ''
          GROUP BY t.declaration_id) s
    WHERE d.id = s.declaration_id AND (d.people, d.total) IS DISTINCT FROM (s.people, s.total);
    RETURN NULL;
"""


def lines_are_added_up() -> list[pgtrigger.Trigger]:
    """On the lines: one adding up per statement, however many lines it touched. A line never changes its declaration."""
    kinds = (
        ("added", pgtrigger.Insert, pgtrigger.Referencing(new="touched")),
        ("changed", pgtrigger.Update, pgtrigger.Referencing(new="touched")),
        ("removed", pgtrigger.Delete, pgtrigger.Referencing(old="touched")),
    )
    return [
        pgtrigger.Trigger(
            name=f"lines_{word}_up",
            operation=operation,
            when=pgtrigger.After,
            level=pgtrigger.Statement,
            referencing=touched,
            func=_ADD_UP,
        )
        for word, operation, touched in kinds
    ]


def sums_come_from_lines() -> pgtrigger.Trigger:
    """On the declaration: nobody else writes the two."""
    return pgtrigger.Trigger(
        name="sums_come_from_lines",
        operation=pgtrigger.Insert | pgtrigger.Update,
        when=pgtrigger.Before,
        func="""
            IF pg_trigger_depth() < 2 AND (NEW.people, NEW.total) IS DISTINCT FROM
               (CASE WHEN TG_OP = 'UPDATE' THEN OLD.people ELSE 0 END,
                CASE WHEN TG_OP = 'UPDATE' THEN OLD.total ELSE 0 END) THEN
                RAISE EXCEPTION '申报册的人数、金额由明细自动相加，不能另写' USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        """,
    )
