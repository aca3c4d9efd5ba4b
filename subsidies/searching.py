from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import Q
from django.urls import reverse

from huimin.core.authority.roles import Area
from huimin.core.desk import searching
from huimin.core.desk.searching import Hit
from subsidies.models import Indicator, Policy

if TYPE_CHECKING:
    from huimin.core.models import User


@searching.source("政策", area=Area.POLICY)
def policies(user: User, words: str) -> Iterable[Hit]:
    def named(word: str) -> Q:
        return Q(name__icontains=word) | Q(short_name__icontains=word) | Q(code__iexact=word)

    found = Policy.objects.visible_to(user).filter(searching.every_word(words, named))
    for one in found.order_by("code"):
        yield Hit(one.name, reverse("subsidies:policy-detail", args=[one.pk]), one.code)


@searching.source("指标", area=Area.INDICATOR)
def indicators(user: User, words: str) -> Iterable[Hit]:
    def named(word: str) -> Q:
        return (
            Q(document_number__icontains=word) | Q(name__icontains=word) | Q(upper_document__icontains=word)
        )

    found = Indicator.objects.visible_to(user).filter(searching.every_word(words, named))
    for one in found.order_by("-year", "document_number"):
        yield Hit(one.document_number, reverse("subsidies:indicator-detail", args=[one.pk]), one.name)
