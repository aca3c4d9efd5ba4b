"""Triggers that more than one table carries."""

import pgtrigger


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
