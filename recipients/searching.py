from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import Case, Q, When
from django.urls import reverse

from huimin.core.authority.roles import Area
from huimin.core.desk import searching
from huimin.core.desk.searching import SHOWN, Hit
from huimin.core.values.identity import mask_id_staff
from recipients import queries
from recipients.models import Declaration

if TYPE_CHECKING:
    from huimin.core.models import User


@searching.source("人员", area=Area.REGISTRY)
def people(user: User, words: str) -> Iterable[Hit]:
    """As the list finds them, whose names begin so first; ID numbers are asked for on the list, by POST."""
    begins = Case(When(name__startswith=words.split(maxsplit=1)[0], then=0), default=1)
    found = list(
        queries.people_for(user)
        .filter(queries.matching(words))
        .order_by(begins, "name_key", "pk")[: SHOWN + 1]
    )
    places = queries.place_names(person.division_code for person in found)
    for person in found:
        note = f"{places.get(person.division_code, '')} {mask_id_staff(person.id_number)}"
        yield Hit(person.name, reverse("recipients:person-detail", args=[person.pk]), note)


@searching.source("申报册", area=Area.REVIEW)
def declarations(user: User, words: str) -> Iterable[Hit]:
    def named(word: str) -> Q:
        policy = Q(policy__name__icontains=word) | Q(policy__short_name__icontains=word)
        return policy | queries.at_place(word)

    found = list(
        Declaration.objects.visible_to(user)
        .select_related("policy")
        .filter(searching.every_word(words, named))
        .order_by("-pk")[: SHOWN + 1]
    )
    places = queries.place_names(one.division_code for one in found)
    for one in found:
        label = f"{places.get(one.division_code, '')} {one}"
        yield Hit(label, reverse("recipients:declaration-detail", args=[one.pk]), one.get_status_display())
