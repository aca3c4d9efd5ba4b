"""Departments push declarations; the same reference twice gives the same declaration."""

from __future__ import annotations

import json
from typing import Any, cast

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from huimin.core import clock
from huimin.core.errors import RowError, StepRefused
from huimin.core.models import OfficeCredential, User
from huimin.core.records import files
from huimin.core.values import numbers
from recipients.files import declaration as sheet
from recipients.models import Declaration
from recipients.rules import amounts
from recipients.services import declarations
from subsidies.models import Policy

MOST_LINES = 5_000


class PushedLine(serializers.Serializer[Any]):
    """One beneficiary; `facts` are what the policy's rule asks for besides the quantity."""

    name = serializers.CharField(max_length=60)
    id_number = serializers.CharField(max_length=18)
    payee_name = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    quantity = serializers.RegexField(f"^{numbers.QUANTITY.pattern}$")
    facts = serializers.DictField(child=serializers.CharField(max_length=60), required=False, default=dict)


class PushedDeclaration(serializers.Serializer[Any]):
    reference = serializers.RegexField(r"^[0-9A-Za-z._-]{1,60}$", help_text="来文编号，重发时不变")
    policy = serializers.CharField(max_length=16)
    period = serializers.CharField(
        max_length=12, help_text="期次，如 2026、2026Q1；一次性的是县里已开的那一次，如 2026#2"
    )
    division = serializers.RegexField(r"^\d{12}$")
    lines = PushedLine(many=True)

    def validate_lines(self, lines: list[Any]) -> list[Any]:
        if not 1 <= len(lines) <= MOST_LINES:
            raise serializers.ValidationError(f"每册 1 到 {MOST_LINES} 行。")
        return lines


class DeclarationAnswer(serializers.Serializer[Any]):
    declaration = serializers.CharField()
    status = serializers.CharField()
    lines = serializers.IntegerField()
    repeated = serializers.BooleanField()


class DeclarationPush(APIView):
    """Makes a draft with all its lines or nothing; a village or township clerk looks at it and submits it."""

    scope = OfficeCredential.Scope.DECLARATION

    @extend_schema(request=PushedDeclaration, responses={200: DeclarationAnswer, 201: DeclarationAnswer})
    def post(self, request: Request) -> Response:
        pushed = PushedDeclaration(data=request.data)
        pushed.is_valid(raise_exception=True)
        one, made = _receive(pushed.validated_data, cast("User", request.user))
        answer = {
            "declaration": f"recipients.declaration:{one.pk}",
            "status": one.status,
            "lines": one.lines.count(),
            "repeated": not made,
        }
        return Response(answer, status=status.HTTP_201_CREATED if made else status.HTTP_200_OK)


@transaction.atomic
def _receive(data: dict[str, Any], actor: User) -> tuple[Declaration, bool]:
    content = json.dumps(data, ensure_ascii=False, sort_keys=True).encode()
    # a second push under the same reference waits here for the first to commit
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    known = Declaration.objects.filter(made_by=actor, reference=data["reference"]).first()
    if known is not None:
        if known.source_file is None or known.source_file.sha256 != files.digest_of(content):
            raise StepRefused("这个来文编号已经用过，内容与上次不同。请换一个编号。")
        return known, False
    policy = Policy.objects.visible_to(actor).filter(code=data["policy"]).first()
    if policy is None:
        raise StepRefused("没有这个项目编码的政策。")
    one = declarations.make_declaration(
        policy,
        period=data["period"],
        division_code=data["division"],
        actor=actor,
        reference=data["reference"],
    )
    lines, faults = _lines(one, data["lines"])
    declarations.load_lines(one.pk, lines, actor=actor, faults=faults)
    declarations.keep_source(
        one, content, filename=f"{data['reference']}.json", content_type="application/json", actor=actor
    )
    return one, True


def _lines(one: Declaration, pushed: list[dict[str, Any]]) -> tuple[list[sheet.LineInput], list[RowError]]:
    asked = sheet.asked_facts(amounts.facts_of(one.version))
    today = clock.today()
    errors: list[RowError] = []
    found = []
    for number, line in enumerate(pushed, 1):
        values = {
            sheet.NAME: line["name"],
            sheet.ID: line["id_number"],
            sheet.PAYEE: line["payee_name"],
            sheet.QUANTITY: line["quantity"],
        }
        read = sheet.parse_line(number, values, line["facts"], asked, errors, today=today)
        if read is not None:
            found.append(read)
    return found, errors
