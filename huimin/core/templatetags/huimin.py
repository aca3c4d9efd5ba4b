"""Filters and tags every template has at hand (builtins in settings): amounts, dates, masks, states, lists."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.forms import BoundField
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from huimin.core.authority import posts
from huimin.core.desk import badges, pages
from huimin.core.desk.lists import changed_query
from huimin.core.models import Job
from huimin.core.records import audit
from huimin.core.values import identity, money
from huimin.core.values.badges import Kind, StateChoices
from huimin.core.values.days import day_text
from huimin.core.values.periods import Period
from huimin.core.work import jobs

register = template.Library()
DASH = "—"


def _or_dash(value: Any, show: Callable[[Any], str]) -> str:
    return DASH if value is None or value == "" else show(value)


@register.filter
def may_stop(job: Job) -> bool:
    """Whether the button that stops a job would have an effect."""
    return jobs.may_stop(job)


@register.filter
def yuan(value: Decimal | None) -> str:
    """46,372,154.60 without unit; a missing amount is a dash, zero is 0.00."""
    return _or_dash(value, money.format_yuan)


@register.filter
def wan(value: Decimal | None) -> str:
    """Yuan shown as 万元, for overviews only."""
    return _or_dash(value, money.wan)


@register.filter
def quantity(value: Decimal | None, places: int = 0) -> str:
    """Areas and other quantities: thousands, no needless zeros; `places` are kept, as in columns of 亩."""
    return _or_dash(value, lambda number: _quantity(number, places))


def _quantity(value: Decimal, places: int) -> str:
    whole, _, rest = f"{value:,f}".partition(".")
    rest = rest.rstrip("0").ljust(places, "0")
    return (f"{whole}.{rest}" if rest else whole).replace("-", "\u2212")


@register.filter
def count(value: int | None) -> str:
    """Whole numbers with thousands."""
    return _or_dash(value, lambda number: f"{number:,}")


@register.filter
def day(value: date | None, today: date | None = None) -> str:
    """6月19日 when `today` (house.today) is of the same year, else 2026年6月19日."""
    return _or_dash(value, lambda moment: day_text(_local(moment), today))


@register.filter
def stamp(value: datetime | None, today: date | None = None) -> str:
    """06-19 17:30; given `today`, a moment of another year shows its year."""
    return _or_dash(value, lambda moment: _stamp(_local(moment), today))


def _stamp(moment: date, today: date | None) -> str:
    with_year = today is not None and today.year != moment.year
    return moment.strftime("%Y-%m-%d %H:%M" if with_year else "%m-%d %H:%M")


@register.filter
def period(value: Period | str | None) -> str:
    """2026Q1 as people say it: 2026年第1季度."""
    return _or_dash(value, lambda told: (told if isinstance(told, Period) else Period.parse(told)).label)


def _local(moment: date) -> date:
    return (
        timezone.localtime(moment) if isinstance(moment, datetime) and timezone.is_aware(moment) else moment
    )


@register.filter
def mask_id(value: str | None) -> str:
    """ID number for staff lists: first six, last four."""
    return _or_dash(value, identity.mask_id_staff)


@register.filter
def mask_id_public(value: str | None) -> str:
    """ID number on a person's own result page: first two, last three."""
    return _or_dash(value, identity.mask_id_public)


@register.filter
def mask_name_middle(value: str | None) -> str:
    """王*英, as on a person's own result page."""
    return _or_dash(value, identity.mask_name_middle)


@register.filter
def mask_phone(value: str | None) -> str:
    return _or_dash(value, identity.mask_phone)


@register.filter
def subject_words(subject: str) -> str:
    """disbursement.paymentorder:6 as people say it: 支付申请 6."""
    return audit.subject_words(subject)


@register.filter
def what_it_shuts(duty: str) -> str:
    """Before somebody is paid after all by one's word: which desks that closes; empty for other duties."""
    return posts.what_it_shuts(duty)


@register.simple_tag
def badge(state: StateChoices | str, kind: str = "") -> SafeString:
    """A status member (it knows its badge), a word of the table, or any word with its kind (off, todo, …)."""
    word = str(getattr(state, "label", state))
    look = Kind(kind or getattr(state, "badge", "") or badges.kind_of(word))
    return format_html('<span class="badge badge--{}">{}</span>', look.value, word)


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol of partials/icons.svg; always beside words, so hidden from screen readers."""
    return format_html('<svg class="ico" aria-hidden="true"><use href="#i-{}"></use></svg>', name)


@register.simple_tag(takes_context=True)
def query_string(context: Context, **changes: object) -> str:
    """{% query_string page=3 %}: this page's own address with another page, sort or filter."""
    return changed_query(context["request"].GET, **changes)


@register.inclusion_tag("partials/sort_header.html", takes_context=True)
def sort_header(context: Context, label: str, key: str, css: str = "") -> dict[str, Any]:
    """A column head that sorts: once upwards, again downwards; `sort` in the context says what holds now."""
    now = context["sort"]
    order = {key: "ascending", f"-{key}": "descending"}.get(now, "")
    following = f"-{key}" if now == key else key
    query = changed_query(context["request"].GET, sort=following, page=None, after=None, before=None)
    return {"label": label, "order": order, "query": query, "css": css}


@register.inclusion_tag("partials/field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """Label, hint, error and control of one form field."""
    return {"field": bound, "kind": bound.widget_type}


@register.inclusion_tag("partials/steps.html")
def steps(stations: Sequence[pages.Station]) -> dict[str, Any]:
    """流程条."""
    return {"steps": stations}


@register.inclusion_tag("partials/timeline.html", takes_context=True)
def timeline(context: Context, entries: Sequence[pages.Entry]) -> dict[str, Any]:
    """办理记录, newest first."""
    return {"entries": entries, "today": context["house"]["today"] if "house" in context else None}


@register.inclusion_tag("partials/stats.html")
def stats(figures: Sequence[pages.Stat]) -> dict[str, Any]:
    return {"stats": figures}


@register.inclusion_tag("partials/dl.html")
def pairs(rows: Sequence[pages.Pair], cols: int = 2, dt: int = 6) -> dict[str, Any]:
    """Names and values in `cols` columns; `dt` is the width of the names in characters."""
    return {"rows": rows, "cols": cols, "dt": dt}


@register.inclusion_tag("partials/checks.html")
def checks(lines: Sequence[pages.Check]) -> dict[str, Any]:
    return {"checks": lines}


@register.simple_tag
def meter(
    value: Decimal | int, expected: Decimal | int | None = None, look: str = "", label: str = "已办"
) -> SafeString:
    """A bar of `value` percent; `expected` draws 序时进度 as an upright line; `look` is ok, warn or bad."""
    said = f"{label} {value}%" if expected is None else f"{label} {value}%，序时 {expected}%"
    line = "" if expected is None else format_html(" data-t")
    style = f"--v:{value}" if expected is None else f"--v:{value};--t:{expected}"
    css = f"meter meter--{look}" if look else "meter"
    return format_html(
        '<div class="{}"{} style="{}" role="img" aria-label="{}"></div>', css, line, style, said
    )
