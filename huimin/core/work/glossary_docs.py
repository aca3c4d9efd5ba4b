"""The tables of docs/glossary.md that code knows better than any hand: words of statuses, roles and what they open."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db.models import Field

from huimin.core.authority.roles import ROLE_AREAS, Area, Role

STATUS_FIELDS = ("status", "state")


def with_tables(text: str) -> str:
    """The page with its tables renewed; everything outside the marks stays as it was written."""
    for name, lines in (("statuses", statuses()), ("roles", roles())):
        begin = f"<!-- {name}: written by manage.py write_workflows -->\n"
        end = f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        if found:
            text = before + begin + "\n".join([*lines, end]) + rest.partition(end)[2]
    return text


def statuses() -> Iterator[str]:
    """One row for each model whose rows have a status in words."""
    yield "| object | model | status in code and word on screen |"
    yield "|---|---|---|"
    for model in (one for one in apps.get_models() if not one._meta.proxy):
        for field in model._meta.fields:
            if field.name in STATUS_FIELDS and field.choices and model.__module__.split(".")[0] != "django":
                yield f"| {model._meta.verbose_name} | `{model._meta.label_lower}` | {_words(field)} |"


def _words(field: Field) -> str:
    return ", ".join(f"`{value}` {word}" for value, word in field.flatchoices if value)


def roles() -> Iterator[str]:
    """One row for each role, with the parts of the records that it opens."""
    yield "| 岗位 | in code | may open |"
    yield "|---|---|---|"
    for role in Role:
        opens = "、".join(area.label for area in Area if area in ROLE_AREAS[role])
        yield f"| {role.label} | `{role.value}` | {opens} |"
