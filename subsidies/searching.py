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
    named = Q(name__icontains=words) | Q(short_name__icontains=words) | Q(code__iexact=words)
    for one in Policy.objects.visible_to(user).filter(named).order_by("code"):
        yield Hit(one.name, reverse("subsidies:policy-detail", args=[one.pk]), one.code)


@searching.source("指标", area=Area.INDICATOR)
def indicators(user: User, words: str) -> Iterable[Hit]:
    named = (
        Q(document_number__icontains=words) | Q(name__icontains=words) | Q(upper_document__icontains=words)
    )
    for one in Indicator.objects.visible_to(user).filter(named).order_by("-year", "document_number"):
        yield Hit(one.document_number, reverse("subsidies:indicator-detail", args=[one.pk]), one.name)
