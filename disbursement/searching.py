from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import Q
from django.urls import reverse

from disbursement import queries
from disbursement.models import PaymentOrder
from huimin.core.authority.roles import Area
from huimin.core.desk import searching
from huimin.core.desk.searching import Hit

if TYPE_CHECKING:
    from huimin.core.models import User


@searching.source("发放批次", area=Area.ROSTER)
def batches(user: User, words: str) -> Iterable[Hit]:
    found = queries.batches_for(user).filter(
        searching.every_word(words, lambda word: Q(number__icontains=word) | Q(title__icontains=word))
    )
    for one in found.order_by("-pk"):
        yield Hit(one.title, reverse("disbursement:batch-detail", args=[one.pk]), one.number)


@searching.source("支付申请", area=Area.ORDER)
def orders(user: User, words: str) -> Iterable[Hit]:
    found = PaymentOrder.objects.visible_to(user).filter(
        searching.every_word(words, lambda word: Q(number__icontains=word) | Q(policy__name__icontains=word))
    )
    for one in found.select_related("policy").order_by("-pk"):
        yield Hit(one.number, reverse("disbursement:order-detail", args=[one.pk]), one.policy.name)
