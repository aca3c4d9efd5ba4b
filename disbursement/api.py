"""The bank's way in: list and fetch its payment files, hand in its return file. Acts as the credential's account."""

from __future__ import annotations

from typing import Any, cast

from django.http import Http404, HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from disbursement import services
from disbursement.models import BankFile, PaymentOrder
from disbursement.services.intake import TAKE
from disbursement.states import BANK_FILE_ROLES
from huimin.core.errors import FileRefused, StepRefused
from huimin.core.models import Job, OfficeCredential, User
from huimin.core.records import audit, files
from huimin.core.work import jobs

MOST_BYTES = 128 * 1024 * 1024
MOST_FILES = 200


class PaymentFileSerializer(serializers.ModelSerializer[BankFile]):
    order = serializers.CharField(source="order.number")
    status = serializers.CharField(source="order.status")
    name = serializers.CharField(source="file.name")
    sha256 = serializers.CharField(source="file.sha256")
    size = serializers.IntegerField(source="file.size")
    sent_at = serializers.DateTimeField(source="order.sent_at")

    class Meta:
        model = BankFile
        fields = (
            "id",
            "order",
            "status",
            "format",
            "name",
            "size",
            "sha256",
            "line_count",
            "total",
            "sent_at",
        )


def _account(request: Request) -> User:
    """OfficeAuthentication only lets staff accounts through."""
    return cast(User, request.user)


class _BankView(APIView):
    def _files(self, request: Request) -> Any:
        orders = PaymentOrder.objects.visible_to(_account(request))
        if not BANK_FILE_ROLES & _account(request).roles():
            orders = orders.none()  # a credential cannot give what the account's own role may not take
        return BankFile.objects.filter(order__in=orders).select_related("order", "file").order_by("-pk")


class PaymentFiles(_BankView):
    """代发文件清单, newest first, at most 200."""

    scope = OfficeCredential.Scope.PAYMENT_FILE

    @extend_schema(responses=PaymentFileSerializer(many=True), operation_id="payment_files")
    def get(self, request: Request) -> Response:
        return Response(PaymentFileSerializer(self._files(request)[:MOST_FILES], many=True).data)


class PaymentFile(_BankView):
    """取一份代发文件: the stored bytes, the same every time."""

    scope = OfficeCredential.Scope.PAYMENT_FILE

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, operation_id="payment_file"
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        made = self._files(request).filter(pk=pk).first()
        if made is None:
            raise Http404
        content = files.read(made.file)
        audit.record(
            made.order,
            action="file.fetch",
            actor=_account(request),
            label="银行取代发文件",
            detail={"format": made.format, "sha256": made.file.sha256},
        )
        answer = HttpResponse(content, content_type=made.file.content_type)
        answer["Content-Disposition"] = f'attachment; filename="{made.file.name}"'
        answer["X-Content-SHA256"] = made.file.sha256
        return answer


class ReturnTakenSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    message = serializers.CharField()
    paid = serializers.IntegerField()
    failed = serializers.IntegerField()
    open = serializers.IntegerField()


class ReturnJobSerializer(serializers.Serializer[Any]):
    job = serializers.IntegerField()
    state = serializers.ChoiceField(["queued", "running"])
    message = serializers.CharField()


def _told(job: Job) -> Response:
    """What became of a large return file: the same answer as a small one gets at once, or where it stands."""
    if job.state == Job.State.FAILED:
        raise FileRefused(job.message, jobs.faults_of(job))
    if job.state == Job.State.STOPPED:
        raise StepRefused("已按要求停止，没有收这份回盘。要收的，请重新送来。")
    if job.state == Job.State.DONE:
        return _taken(services.taken_by(job))
    return Response({"job": job.pk, "state": job.state, "message": job.message}, status=202)


def _taken(taken: services.Intake) -> Response:
    found = taken.return_file
    body = {
        "id": found.pk,
        "message": taken.message,
        "paid": found.paid_count,
        "failed": found.failed_count,
        "open": found.open_count,
    }
    return Response(body, status=200 if taken.is_repeat else 201)


class ReturnUpload(_BankView):
    """送回盘: multipart field `file`; 201 taken in, 200 known already, 422 refused with every fault, 409 not now.

    202: a large file is being checked; ask `return-files/jobs/{job}/` until it answers with one of the others.
    """

    scope = OfficeCredential.Scope.RETURN_FILE
    parser_classes = [MultiPartParser]

    @extend_schema(
        request={
            "multipart/form-data": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        },
        responses={200: ReturnTakenSerializer, 201: ReturnTakenSerializer, 202: ReturnJobSerializer},
        operation_id="return_file",
    )
    def post(self, request: Request) -> Response:
        upload = request.FILES.get("file")
        if upload is None or upload.size > MOST_BYTES:
            return Response({"detail": "请在 file 字段里传一份不超过128MB的回盘文件。"}, status=400)
        taken = services.hand_in_return(upload, upload.name, size=upload.size, actor=_account(request))
        return _told(taken) if isinstance(taken, Job) else _taken(taken)


class ReturnJob(_BankView):
    """大回盘收到哪一步: 202 still being checked, then what 送回盘 answers at once for a small file."""

    scope = OfficeCredential.Scope.RETURN_FILE

    @extend_schema(
        responses={200: ReturnTakenSerializer, 201: ReturnTakenSerializer, 202: ReturnJobSerializer},
        operation_id="return_job",
    )
    def get(self, request: Request, pk: int) -> Response:
        job = Job.objects.filter(pk=pk, kind=TAKE, created_by=_account(request)).first()
        if job is None:
            raise Http404
        return _told(job)


app_name = "disbursement"
urlpatterns = [
    path("payment-files/", PaymentFiles.as_view(), name="payment-files"),
    path("payment-files/<int:pk>/", PaymentFile.as_view(), name="payment-file"),
    path("return-files/", ReturnUpload.as_view(), name="return-files"),
    path("return-files/jobs/<int:pk>/", ReturnJob.as_view(), name="return-job"),
]
