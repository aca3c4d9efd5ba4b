from collections.abc import Iterable

import django_filters
import pytest
from django.contrib.contenttypes.models import ContentType
from django.db.models import Max
from django.test import RequestFactory

from huimin.core.desk import lists

pytestmark = pytest.mark.django_db
SORTS = {"room": "app_label", "name": "model"}


class TypeFilter(lists.HouseFilterSet):
    room = django_filters.ChoiceFilter(
        field_name="app_label", label="房间", choices=[("east", "东"), ("west", "西")]
    )
    name = django_filters.CharFilter(field_name="model", lookup_expr="contains", label="名称")


@pytest.fixture
def rows():
    """45 rows of a table that is always there: 30 in the east and 15 in the west, names not in order of keys."""
    ContentType.objects.filter(app_label__in=["east", "west"]).delete()
    made = [
        ContentType(app_label="east" if n % 3 else "west", model=f"m{(n * 7) % 45:02}") for n in range(45)
    ]
    ContentType.objects.bulk_create(made)
    return ContentType.objects.filter(app_label__in=["east", "west"])


def listed(rows, query: str = "", **more):
    more = {"sorts": SORTS, "default": "name", **more}
    return lists.listing(RequestFactory().get(f"/list?{query}"), rows, **more)


def keyed(rows, query: str = "", **more):
    more = {"sorts": SORTS, "default": "name", **more}
    return lists.keyset_listing(RequestFactory().get(f"/list?{query}"), rows, **more)


def names(page: Iterable[ContentType]) -> list[str]:
    return [row.model for row in page]


def test_pages_of_a_list_show_every_row_once_even_when_the_sort_has_ties(rows):
    seen = [row.pk for number in (1, 2, 3) for row in listed(rows, f"sort=room&page={number}")["page"]]
    assert sorted(seen) == sorted(rows.values_list("pk", flat=True))


def test_ties_fall_in_order_of_the_primary_key(rows):
    keys = [row.pk for row in listed(rows, "sort=room&size=50")["page"] if row.app_label == "east"]
    assert keys == sorted(keys)


def test_a_minus_sorts_downwards(rows):
    assert names(listed(rows, "sort=-name")["page"])[:2] == ["m44", "m43"]


@pytest.mark.parametrize("wanted", ["pk", "-id", "app_label__password", "", "--name"])
def test_a_sort_outside_the_whitelist_falls_back_to_the_default(rows, wanted):
    context = listed(rows, f"sort={wanted}")
    assert context["sort"] == "name"
    assert names(context["page"])[0] == "m00"


def test_totals_and_count_are_of_the_whole_filtered_list_and_cost_one_query(rows, django_assert_num_queries):
    with django_assert_num_queries(2):
        context = listed(rows, "room=east", filterset=TypeFilter, totals={"last": Max("model")})
        assert len(list(context["page"])) == 20
    assert context["page"].paginator.count == 30
    assert context["totals"] == {"last": rows.filter(app_label="east").aggregate(last=Max("model"))["last"]}


@pytest.mark.parametrize(("asked", "given"), [("50", 50), ("21", 20), ("1000000", 20), ("x", 20), ("", 20)])
def test_rows_per_page_come_from_a_fixed_set(rows, asked, given):
    assert listed(rows, f"size={asked}")["page_size"] == given


@pytest.mark.parametrize(("asked", "number"), [("99", 3), ("0", 3), ("x", 1), ("-1", 3)])
def test_a_page_that_is_not_there_shows_one_that_is(rows, asked, number):
    assert listed(rows, f"page={asked}")["page"].number == number


def test_an_empty_list_has_one_empty_page(rows):
    context = listed(rows.none())
    assert list(context["page"]) == []
    assert context["page"].paginator.count == 0


def test_the_export_link_keeps_filter_and_sort_and_drops_the_place(rows):
    context = listed(rows, "room=east&sort=-name&page=2&size=50", filterset=TypeFilter, export="/export")
    assert context["export_url"] == "/export?room=east&sort=-name"
    assert context["kept"] == [("room", "east"), ("sort", "-name")]


def test_a_list_without_export_has_no_link(rows):
    assert listed(rows)["export_url"] == ""


@pytest.mark.parametrize("sort", ["name", "-name", "room", "-room"])
def test_keyset_pages_show_every_row_once_in_the_same_order_as_one_long_list(rows, sort):
    wanted = [row.pk for row in listed(rows, f"sort={sort}&size=50")["page"]]
    page = keyed(rows, f"sort={sort}")["page"]
    seen = [row.pk for row in page]
    while page.has_next:
        page = keyed(rows, f"sort={sort}&after={page.last_key}")["page"]
        seen += [row.pk for row in page]
    assert seen == wanted


@pytest.mark.parametrize("sort", ["name", "-room"])
def test_keyset_pages_lead_back_the_way_they_came(rows, sort):
    first = keyed(rows, f"sort={sort}")["page"]
    second = keyed(rows, f"sort={sort}&after={first.last_key}")["page"]
    back = keyed(rows, f"sort={sort}&before={second.first_key}")["page"]
    assert [row.pk for row in back] == [row.pk for row in first]
    assert (back.has_previous, back.has_next) == (False, True)
    assert (second.has_previous, second.has_next) == (True, True)


def test_a_key_out_of_reach_shows_the_first_page(rows):
    hidden = rows.filter(app_label="west").first()
    east = rows.filter(app_label="east")
    page = keyed(east, f"after={hidden.pk}")["page"]
    assert [row.pk for row in page] == [row.pk for row in keyed(east)["page"]]


@pytest.mark.parametrize("key", ["x", "-1", "1 or 1=1", "99999999999999999999999", "²"])
def test_a_key_that_is_no_key_shows_the_first_page(rows, key):
    assert names(keyed(rows, f"after={key}")["page"])[0] == "m00"


def test_a_keyset_list_counts_only_when_totals_are_asked_for(rows, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert keyed(rows)["page"].total is None
    assert keyed(rows, totals={})["page"].total == 45


def test_the_filter_bar_names_its_boxes_and_its_empty_choices(rows):
    html = str(listed(rows, filterset=TypeFilter)["filter"].form)
    assert "全部房间" in html
    assert 'placeholder="名称"' in html
    assert 'class="select"' in html


def test_a_condition_that_was_not_understood_is_said_and_left_out(rows):
    context = listed(rows, "room=north", filterset=TypeFilter)
    assert context["filter"].form.errors["room"] == ["房间选的这一项不在名单里，请重新选"]
    assert context["page"].paginator.count == 45
