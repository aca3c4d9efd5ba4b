"""How a refusal reads over the API: the same Chinese text as on the page."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from huimin.core.desk.errors import is_held
from huimin.core.errors import FileRefused, Refused


def refused(error: Exception, context: dict[str, Any]) -> Response | None:
    """Refusals become 409 (or 422 for a file) with the same Chinese text that a clerk reads."""
    if isinstance(error, FileRefused):
        rows = [{"row": one.row, "column": one.column, "message": one.message} for one in error.errors]
        return Response({"detail": str(error), "errors": rows}, status=status.HTTP_422_UNPROCESSABLE_ENTITY)
    if isinstance(error, Refused):
        return Response({"detail": str(error)}, status=status.HTTP_409_CONFLICT)
    if is_held(error):
        return Response({"detail": "别人正在办这一件，请稍等再试。"}, status=status.HTTP_409_CONFLICT)
    if isinstance(error, PermissionDenied | Http404):
        return Response({"detail": "没有找到。"}, status=status.HTTP_404_NOT_FOUND)
    if isinstance(error, RecursionError):  # the parser's: a body nested deeper than any of ours
        return Response({"detail": "内容嵌套太深，不是本接口的格式。"}, status=status.HTTP_400_BAD_REQUEST)
    return exception_handler(error, context)
