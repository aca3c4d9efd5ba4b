"""Triggers that more than one table carries."""

from collections.abc import Mapping, Sequence

import pgtrigger

from huimin.core.authority.steps import Workflow


def append_only() -> list[pgtrigger.Trigger]:
    """Triggers that refuse UPDATE, DELETE and TRUNCATE; the grants of the app role say the same."""
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        no_truncate(),
    ]


def no_truncate() -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="no_truncate",
        operation=pgtrigger.Truncate,
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        func="RAISE EXCEPTION 'cannot truncate %', TG_TABLE_NAME USING ERRCODE = '42501';",
    )


def never_deleted(name: str) -> list[pgtrigger.Trigger]:
    """Rows that others stand on: they may change, but never go."""
    return [pgtrigger.Protect(name=name, operation=pgtrigger.Delete), no_truncate()]


def fixed(
    name: str,
    columns: Sequence[str],
    message: str,
    *,
    once: Sequence[str] = (),
    told_with: Mapping[str, str] | None = None,
) -> pgtrigger.Trigger:
    """A trigger under which `columns` never change, and those of `once` not after their first value.

    `told_with` names reasons and the column each is written with: whoever lifted or corrected wrote it, and nobody since.
    Columns by their names in the table; `message` is what a person reads.
    """
    rows = [", ".join(f"{row}.{column}" for column in columns) for row in ("NEW", "OLD")]
    kept = [f"(OLD.{one} IS NOT NULL AND NEW.{one} IS DISTINCT FROM OLD.{one})" for one in once]
    kept += [
        f"(NEW.{told} IS DISTINCT FROM OLD.{told} AND NEW.{by} IS NOT DISTINCT FROM OLD.{by})"
        for told, by in (told_with or {}).items()
    ]
    changed = " OR ".join([f"({rows[0]}) IS DISTINCT FROM ({rows[1]})", *kept])
    return pgtrigger.Trigger(
        name=name,
        operation=pgtrigger.Update,
        when=pgtrigger.Before,
        func=f"""
            IF {changed} THEN
                RAISE EXCEPTION '{message}' USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        """,
    )


def taken_in_duty(flow: Workflow) -> pgtrigger.Trigger:
    """Every move that takes a duty finds somebody on record in that duty: no status without its people.

    Read from the step table, like the trigger that knows the moves. The duty is put on record before the status
    changes (workflow.take_duty).
    """
    wanted = ", ".join(
        f"('{source}', '{target}', ARRAY[{', '.join(repr(duty) for duty in sorted(duties))}])"
        for (source, target), duties in flow.takings().items()
    )
    return pgtrigger.Trigger(
        name="taken_in_duty",
        operation=pgtrigger.Update,
        when=pgtrigger.Before,
        condition=pgtrigger.Condition("NEW.status <> OLD.status"),
        func=f"""
            IF EXISTS (SELECT FROM (VALUES {wanted}) AS wanted(source, target, duties)
                       WHERE wanted.source = OLD.status AND wanted.target = NEW.status AND NOT EXISTS (
                           SELECT FROM core_involvement i WHERE i.subject = {flow.subject_sql("NEW")}
                           AND i.duty = ANY(wanted.duties))) THEN
                RAISE EXCEPTION '这一步没有经办人，不能办理' USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        """,  # noqa: S608 -- constants of the step table
    )


def begins(flow: Workflow) -> pgtrigger.Trigger:
    """Rows are made in the first state and go on by steps alone."""
    return pgtrigger.Trigger(
        name="begins_at_the_beginning",
        operation=pgtrigger.Insert,
        when=pgtrigger.Before,
        condition=pgtrigger.Condition(f"NEW.status <> '{flow.begins}'"),
        func="RAISE EXCEPTION '新建的业务要从头办理' USING ERRCODE = '23514';",
    )


def told_on_the_trail(
    name: str,
    *,
    event: str,
    message: str,
    condition: str | None = None,
    operation: pgtrigger.Operation = pgtrigger.Insert,
    actor: str = "actor_id",
) -> pgtrigger.Trigger:
    """Rows that are taken only with their event on the trail: written before them, by the same person, in one transaction.

    `event` is what the event e says of the row NEW, by subject and action, and `actor` the column of who did it;
    `condition` chooses among the rows, which are few: each is looked for. Whoever writes such a row by SQL has to tell the
    trail, which is sealed.
    """
    return pgtrigger.Trigger(
        name=name,
        operation=operation,
        when=pgtrigger.Before,
        condition=pgtrigger.Condition(condition) if condition else None,
        func=f"""
            IF NOT EXISTS (SELECT FROM core_auditevent e
                           WHERE {event} AND e.actor_id = NEW.{actor} AND e.at >= now()) THEN
                RAISE EXCEPTION '{message}' USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        """,
    )
