import pytest

from huimin.core.authority.roles import Role
from huimin.core.desk import searching
from huimin.core.models import Division, Level
from recipients import queries
from tests.factories import OTHER_VILLAGE, TOWN, VILLAGE, DivisionFactory, UserFactory
from tests.recipients import factories as make

SECOND_VILLAGE = "341524100002"

pytestmark = pytest.mark.django_db


def labels(user, words):
    return {hit.label for found in searching.search(user, words) for hit in found.hits}


def test_the_search_box_finds_a_person_by_the_beginning_of_the_name():
    home = make.household(village=VILLAGE)[0].household
    make.person(home, name="欧阳春晓")
    assert "欧阳春晓" in labels(UserFactory(role=Role.VILLAGE_CLERK, at=VILLAGE), "欧阳")


def test_the_search_box_does_not_find_the_neighbours_people():
    home = make.household(village=OTHER_VILLAGE)[0].household
    make.person(home, name="欧阳春晓", village=OTHER_VILLAGE)
    assert labels(UserFactory(role=Role.VILLAGE_CLERK, at=VILLAGE), "欧阳") == set()


def test_a_hit_shows_the_id_number_masked():
    home = make.household(village=VILLAGE)[0].household
    one = make.person(home, name="欧阳春晓")
    notes = [
        hit.note
        for found in searching.search(UserFactory(role=Role.VILLAGE_CLERK, at=VILLAGE), "欧阳")
        for hit in found.hits
    ]
    assert notes
    assert all(one.id_number not in note and "********" in note for note in notes)


def test_who_reads_no_registry_is_not_shown_people():
    home = make.household(village=VILLAGE)[0].household
    make.person(home, name="欧阳春晓")
    assert labels(UserFactory(role=Role.BANK), "欧阳") == set()


def test_any_part_of_a_name_is_found_and_names_that_begin_so_come_first():
    home = make.household(village=VILLAGE, name="汪明")[0].household
    for name in ("胡光宝", "李光宝", "光宝成"):
        make.person(home, name=name)
    clerk = UserFactory(role=Role.VILLAGE_CLERK, at=VILLAGE)
    hits = [hit.label for found in searching.search(clerk, "光宝") for hit in found.hits]
    assert hits[0] == "光宝成"
    assert set(hits) == {"胡光宝", "李光宝", "光宝成"}


def test_a_name_and_a_village_find_the_one_of_that_village():
    here = make.household(village=VILLAGE)[0].household
    DivisionFactory(
        code=SECOND_VILLAGE, name="余岭村委会", level=Level.VILLAGE, parent=Division.objects.get(code=TOWN)
    )
    there = make.household(village=SECOND_VILLAGE)[0].household
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    one = make.person(here, name="欧阳春晓")
    make.person(there, name="欧阳春晓", village=SECOND_VILLAGE)
    for words in ("欧阳春晓 梅山村", "梅山村 春晓"):
        (found,) = [found for found in searching.search(clerk, words) if found.title == "人员"]
        assert [hit.url for hit in found.hits] == [f"/desk/recipients/people/{one.pk}/"]


def test_the_list_finds_people_as_the_search_box_does():
    home = make.household(village=VILLAGE)[0].household
    make.person(home, name="胡光宝")
    clerk = UserFactory(role=Role.VILLAGE_CLERK, at=VILLAGE)
    found = queries.people_for(clerk).filter(queries.matching("光宝"))
    assert [one.name for one in found] == ["胡光宝"]
