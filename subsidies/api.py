"""The policy list for machines: anyone reads it, nobody writes it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.permissions import AllowAny

from huimin.core import clock
from subsidies import queries, rules
from subsidies.models import Policy, PolicyVersion


class VersionSerializer(serializers.ModelSerializer[PolicyVersion]):
    """The standard in force, with its rule in words."""

    valid_from = serializers.DateField(source="valid.lower", label="生效日期")
    valid_until = serializers.DateField(source="valid.upper", allow_null=True, label="到这一天之前有效")
    rule = serializers.SerializerMethodField(label="计算规则")

    class Meta:
        model = PolicyVersion
        fields = ("number", "standard_text", "rule", "valid_from", "valid_until", "notice_days")

    def get_rule(self, version: PolicyVersion) -> str:
        return rules.describe(rules.parse_rule(version.amount_rule))


class PolicySerializer(serializers.ModelSerializer[Policy]):
    """What a resident or another system may know of a policy."""

    department = serializers.CharField(source="department.name", label="主管部门")
    level_name = serializers.CharField(source="get_level_display", label="级次名称")
    frequency_name = serializers.CharField(source="get_frequency_display", label="频次名称")
    status_name = serializers.CharField(source="get_status_display", label="状态名称")
    in_force = serializers.SerializerMethodField(label="现行标准")

    class Meta:
        model = Policy
        fields = (
            "code",
            "name",
            "short_name",
            "level",
            "level_name",
            "department",
            "object_type",
            "unit",
            "frequency",
            "frequency_name",
            "basis",
            "objects_text",
            "exclusions",
            "process",
            "phone",
            "is_sample",
            "status",
            "status_name",
            "in_force",
        )

    @extend_schema_field(VersionSerializer(allow_null=True))
    def get_in_force(self, policy: Any) -> dict[str, Any] | None:
        version = next(iter(policy.versions_in_force), None)
        return VersionSerializer(version).data if version else None


_FILTERS = [
    OpenApiParameter("county", str, description="12 位县代码，不填就是本县"),
    OpenApiParameter("department", str, description="主管部门名称，如 农业农村局"),
    OpenApiParameter("level", str, enum=list(Policy.GovernmentLevel.values), description="政策级次"),
]


@extend_schema_view(
    list=extend_schema(summary="政策清单", parameters=_FILTERS),
    retrieve=extend_schema(summary="一项政策"),
)
class PolicyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Policy]):
    """已公开和已暂停的政策；草稿和作废的不在其中。"""

    serializer_class = PolicySerializer
    authentication_classes = ()
    permission_classes = (AllowAny,)
    lookup_field = "code"
    queryset = Policy.objects.none()

    def get_queryset(self) -> QuerySet[Policy]:
        versions = PolicyVersion.objects.filter(published_at__isnull=False, valid__contains=clock.today())
        county = self.request.query_params.get("county", settings.COUNTY_CODE)
        rows = queries.public_policies(county)
        rows = rows.prefetch_related(Prefetch("versions", versions, to_attr="versions_in_force"))
        query = self.request.query_params
        for field, key in (("department__name", "department"), ("level", "level")):
            if value := query.get(key):
                rows = rows.filter(**{field: value})
        return rows
