"""SQL that triggers and reads share: the open fields of a line, the root over a list, rows whose facts stand still."""

from collections.abc import Sequence

import pgtrigger

# the open fields of a line, in the order in which anybody hashes them (huimin.core.values.digests); alias l is the line
PUBLIC_ROW = """ARRAY[l.line_no::text, l.division_code, l.group_name, l.public_name, l.quantity::text,
    l.standard_text, l.amount::text]"""
# Merkle root (hex) over lines l, from every open column: a changed amount or name shows, not only a changed leaf
ROOT = f"""encode(hm_merkle_root(coalesce(string_agg(hm_leaf({PUBLIC_ROW}, l.commitment), ''::bytea
    ORDER BY l.line_no), ''::bytea)), 'hex')"""


def fixed(name: str, columns: Sequence[str], message: str, *, once: Sequence[str] = ()) -> pgtrigger.Trigger:
    """A trigger under which `columns` never change, and those of `once` not after their first value.

    Columns by their names in the table; `message` is what a person reads.
    """
    rows = [", ".join(f"{row}.{column}" for column in columns) for row in ("NEW", "OLD")]
    kept = [f"(OLD.{one} IS NOT NULL AND NEW.{one} IS DISTINCT FROM OLD.{one})" for one in once]
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
