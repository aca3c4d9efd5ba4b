"""What shows one-time codes: the second factor of a person, its secret as ciphertext."""

import time
from base64 import b32encode
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import models
from django_otp.models import Device, ThrottlingMixin
from django_otp.oath import TOTP

from huimin.core.fields import EncryptedTextField
from huimin.core.models.staff import User


class CodeDevice(ThrottlingMixin, Device):
    """A telephone that shows six digits every half a minute (RFC 6238). A dump without the key ring gives no code."""

    user = models.ForeignKey(User, models.PROTECT, verbose_name="人员", related_name="+")
    key = EncryptedTextField("密钥", purpose="code_device_key")  # hexadecimal
    last_step = models.BigIntegerField("上次用过的时段", default=-1)

    class Meta:
        verbose_name = verbose_name_plural = "动态口令"
        constraints = [
            # one that counts, and at most one that waits for its first code
            models.UniqueConstraint(fields=["user", "confirmed"], name="code_device_once")
        ]

    @property
    def bin_key(self) -> bytes:
        return bytes.fromhex(self.key)

    @property
    def config_url(self) -> str:
        """What the QR code tells an authenticator."""
        secret = b32encode(self.bin_key).decode().rstrip("=")
        issuer = settings.OTP_TOTP_ISSUER
        label = quote(f"{issuer}:{self.user.get_username()}")
        return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': issuer})}"

    def verify_token(self, token: str) -> bool:
        """Is this the code of now, or of half a minute before or after, and was none so late used already?

        The caller holds the row's lock: without it two logins at once could use one code.
        """
        allowed, _ = self.verify_is_allowed()
        if not allowed:
            return False
        totp = TOTP(self.bin_key)
        totp.time = time.time()
        digits = token.isascii() and token.isdigit()
        if not (digits and totp.verify(int(token), tolerance=1, min_t=self.last_step + 1)):
            self.throttle_increment()
            return False
        self.last_step = totp.t()
        self.throttle_reset(commit=False)
        self.save(update_fields=["last_step", "throttling_failure_timestamp", "throttling_failure_count"])
        return True

    def get_throttle_factor(self) -> int:
        return 1
