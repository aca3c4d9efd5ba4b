import pytest

from huimin.core.authority.roles import Role
from huimin.core.desk import searching
from tests.factories import OTHER_VILLAGE, VILLAGE, UserFactory
from tests.recipients import factories as make

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
