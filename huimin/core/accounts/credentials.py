"""Machines' way in: an office's credential acts as a staff account and has that account's reach and duties."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission

from huimin.core.models import OfficeCredential

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


_NOBODY = b"\x00" * 32


def hash_secret(secret: str) -> bytes:
    """What is stored of a secret."""
    # the secret has 256 random bits, so a plain digest cannot be guessed backwards
    return hashlib.sha256(secret.encode()).digest()


class OfficeAuthentication(BaseAuthentication):
    """`Authorization: Huimin KEY_ID:SECRET`; every miss is the same 401."""

    def authenticate(self, request: Request) -> tuple[Any, OfficeCredential] | None:
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "huimin":
            return None
        key_id, _, secret = value.partition(":")
        credential = (
            OfficeCredential.objects.select_related("acts_as__office")
            .filter(key_id=key_id, revoked_at__isnull=True)
            .first()
        )
        known = bytes(credential.secret_hash) if credential else _NOBODY
        if (
            not hmac.compare_digest(known, hash_secret(secret))
            or credential is None
            or not credential.acts_as.is_active
        ):
            raise exceptions.AuthenticationFailed("凭据不正确或已停用。")
        OfficeCredential.objects.filter(pk=credential.pk).update(last_used_at=timezone.now())
        return credential.acts_as, credential

    def authenticate_header(self, request: Request) -> str:
        return "Huimin"


class OfficeScope(BasePermission):
    """The view names the scope it needs in `scope`; views for anyone set permission_classes themselves."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        credential = request.auth
        return isinstance(credential, OfficeCredential) and getattr(view, "scope", None) in credential.scopes


class OfficeScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "huimin.core.accounts.credentials.OfficeAuthentication"
    name = "OfficeCredential"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "Huimin KEY_ID:SECRET",
        }
