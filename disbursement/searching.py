from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import Q
from django.urls import reverse

from disbursement.models import Batch, PaymentOrder
from huimin.core.authority.roles import Area
from huimin.core.desk import searching
from huimin.core.desk.searching import Hit

if TYPE_CHECKING:
    from huimin.core.models import User


@searching.source("发放批次", area=Area.ROSTER)
def batches(user: User, words: str) -> Iterable[Hit]:
    named = Q(number__icontains=words) | Q(title__icontains=words)
    for one in Batch.objects.visible_to(user).filter(named).order_by("-pk"):
        yield Hit(one.title, reverse("disbursement:batch-detail", args=[one.pk]), one.number)


@searching.source("支付申请", area=Area.ORDER)
def orders(user: User, words: str) -> Iterable[Hit]:
    named = Q(number__icontains=words) | Q(policy__name__icontains=words)
    for one in PaymentOrder.objects.visible_to(user).select_related("policy").filter(named).order_by("-pk"):
        yield Hit(one.number, reverse("disbursement:order-detail", args=[one.pk]), one.policy.name)
