"""List pages: filter, sort, pages, totals of the whole list, export link. Templates: toolbar, sort_header, pager.

A view hands in its scoped queryset and gets the context `page`, `filter`, `sort`, `totals` and what the partials
need. Sorting follows a whitelist and always ends with the primary key, so that no row is shown twice or skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.db.models.expressions import BaseExpression
from django.http import HttpRequest, QueryDict
from django_filters import FilterSet

from huimin.core.desk.forms import HouseFormMixin

SIZES = (20, 50, 100, 200)
_PLACE = ("page", "after", "before")  # keys that say where in the list one is
Sorts = Mapping[str, str | Sequence[str]]


class FilterForm(HouseFormMixin, forms.Form):
    """The filter bar: labels are for screen readers, so that boxes and first choices name themselves."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, forms.Select):
                _name_empty_choice(field)
            elif isinstance(field.widget, forms.TextInput) and field.widget.input_type == "text":
                field.widget.attrs["placeholder"] = field.label
                field.widget.attrs["class"] = "input grow"


def _name_empty_choice(field: forms.Field) -> None:
    choices = [(value, label) for value, label in field.widget.choices if value != ""]  # type: ignore[attr-defined]
    field.widget.choices = [("", f"全部{field.label}"), *choices]  # type: ignore[attr-defined]


class HouseFilterSet(FilterSet):
    """Base of all filter sets; give every filter a `label` in Chinese."""

    def get_form_class(self) -> type[forms.Form]:
        plain = super().get_form_class()
        return type(plain.__name__, (FilterForm, plain), {})


@dataclass(frozen=True, slots=True)
class Order:
    """The sort that holds: `key` as in the address (amount, -amount), `columns` as for order_by."""

    key: str
    columns: tuple[str, ...]

    @property
    def is_descending(self) -> bool:
        return self.key.startswith("-")


def order_of(wanted: str, sorts: Sorts, default: str) -> Order:
    """The order asked for if the whitelist knows it, else the default; ends with pk in the same direction."""
    key = wanted if wanted.removeprefix("-") in sorts else default
    named = sorts[key.removeprefix("-")]
    columns = (named,) if isinstance(named, str) else tuple(named)
    sign = "-" if key.startswith("-") else ""
    return Order(key, tuple(sign + column for column in (*columns, "pk")))


class CountedPaginator(Paginator):
    """A paginator that was told the count: totals and count come from one query."""

    def __init__(self, rows: QuerySet[Any], per_page: int, *, total: int) -> None:
        super().__init__(rows, per_page)
        self._total = total

    @cached_property
    def count(self) -> int:
        return self._total


class KeysetPage:
    """A page found by its neighbour's key instead of by skipping rows; page 9,000 costs as much as page 1."""

    def __init__(self, rows: list[Any], *, has_previous: bool, has_next: bool, total: int | None) -> None:
        self.object_list, self.total = rows, total
        self.has_previous, self.has_next = has_previous, has_next

    def __iter__(self) -> Iterator[Any]:
        return iter(self.object_list)

    def __len__(self) -> int:
        return len(self.object_list)

    @property
    def first_key(self) -> Any:
        return self.object_list[0].pk if self.object_list else None

    @property
    def last_key(self) -> Any:
        return self.object_list[-1].pk if self.object_list else None


def listing(
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    sorts: Sorts,
    default: str,
    filterset: type[FilterSet] | None = None,
    totals: Mapping[str, BaseExpression] | None = None,
    size: int = SIZES[0],
    export: str = "",
) -> dict[str, Any]:
    """Context of a list page; `rows` are already limited to what the person may see.

    `totals` are aggregates over all filtered rows, in one query with the count. `export` is the address of the
    export view, to which the present filter and sort are appended.
    """
    filtered, chosen = _filtered(request, rows, filterset)
    order = order_of(request.GET.get("sort", ""), sorts, default)
    sums = _sums(filtered, totals or {})
    per_page = _size(request.GET, size)
    paginator = CountedPaginator(filtered.order_by(*order.columns), per_page, total=sums.pop("row_count"))
    page = paginator.get_page(request.GET.get("page"))
    numbers = list(paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1))
    return {
        "page": page,
        "page_numbers": numbers,
        "totals": sums,
        **_common(request, chosen, order, per_page, export),
    }


def keyset_listing(
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    sorts: Mapping[str, str],
    default: str,
    filterset: type[FilterSet] | None = None,
    totals: Mapping[str, BaseExpression] | None = None,
    size: int = SIZES[0],
    export: str = "",
) -> dict[str, Any]:
    """The same for large tables: next and previous only, and a count only where `totals` asks for one query anyway.

    Each sort is one column that is never NULL, indexed together with the primary key. The address carries the
    neighbour's primary key and nothing else of it; a key the person may not see shows the first page.
    """
    filtered, chosen = _filtered(request, rows, filterset)
    order = order_of(request.GET.get("sort", ""), sorts, default)
    sums = _sums(filtered, totals) if totals is not None else {}
    per_page = _size(request.GET, size)
    page = _keyset_page(request.GET, filtered, rows, order, per_page, sums.pop("row_count", None))
    return {"page": page, "totals": sums, **_common(request, chosen, order, per_page, export)}


def _keyset_page(
    query: QueryDict, filtered: QuerySet[Any], seen: QuerySet[Any], order: Order, size: int, total: int | None
) -> KeysetPage:
    backwards = "before" in query
    key = query.get("before") or query.get("after") or ""
    window = _beside(filtered, seen, order, key, backwards=backwards) if key.isdecimal() else None
    if window is None:
        found = list(filtered.order_by(*order.columns)[: size + 1])
        return KeysetPage(found[:size], has_previous=False, has_next=len(found) > size, total=total)
    found = list(window[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        return KeysetPage(found[::-1], has_previous=more, has_next=True, total=total)
    return KeysetPage(found, has_previous=True, has_next=more, total=total)


def _beside(
    filtered: QuerySet[Any], seen: QuerySet[Any], order: Order, key: str, *, backwards: bool
) -> QuerySet[Any] | None:
    """Rows after (or before, nearest first) the row with this key; None when there is no such row to see."""
    column = order.columns[0].removeprefix("-")
    anchor = seen.filter(pk=key).order_by().values_list(column, flat=True)[:1]
    values = list(anchor)
    if not values:
        return None
    downwards = order.is_descending != backwards
    side, sign = ("lt", "-") if downwards else ("gt", "+")
    # the first condition lets the index seek; the second one decides among equals
    near = filtered.filter(**{f"{column}__{side}e": values[0]})
    near = near.filter(Q(**{f"{column}__{side}": values[0]}) | Q(**{f"pk__{side}": key}))
    return near.order_by(*(f"{sign}{name}".removeprefix("+") for name in (column, "pk")))


def _filtered(
    request: HttpRequest, rows: QuerySet[Any], filterset: type[FilterSet] | None
) -> tuple[QuerySet[Any], FilterSet | None]:
    if filterset is None:
        return rows, None
    chosen = filterset(request.GET, queryset=rows, request=request)
    return chosen.qs, chosen


def _sums(rows: QuerySet[Any], totals: Mapping[str, BaseExpression]) -> dict[str, Any]:
    return rows.order_by().aggregate(row_count=Count("*"), **totals)


def _size(query: QueryDict, usual: int) -> int:
    asked = query.get("size", "")
    return int(asked) if asked in {str(size) for size in SIZES} else usual


def _common(
    request: HttpRequest, chosen: FilterSet | None, order: Order, per_page: int, export: str
) -> dict[str, Any]:
    dropped = (*_PLACE, "size")
    kept = [(key, value) for key, values in request.GET.lists() if key not in dropped for value in values]
    gone = dict.fromkeys(dropped)
    return {
        "filter": chosen,
        "sort": order.key,
        "kept": kept,
        "sizes": sorted({*SIZES, per_page}),
        "page_size": per_page,
        "export_url": export and export + changed_query(request.GET, **gone),
    }


def changed_query(query: QueryDict, **changes: object) -> str:
    """The query string with some keys set, or removed where the value is None; always begins with a question mark."""
    params = query.copy()
    for key, value in changes.items():
        if value is None:
            params.pop(key, None)
        else:
            params[key] = str(value)
    return f"?{params.urlencode()}"
