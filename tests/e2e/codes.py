"""One-time codes as an authenticator shows them (RFC 6238: 30 seconds, 6 digits)."""

import base64
import time

from django_otp.oath import hotp

PERIOD = 30


def now() -> int:
    return int(time.time()) // PERIOD


def next_code(secret: str, used: int) -> tuple[str, int]:
    """A code that was not used yet, and its number; `secret` is the base32 text an authenticator is given.

    The server also takes the next period's code, so this waits only for a third code within half a minute.
    """
    number = max(now(), used + 1)
    while number > now() + 1:
        time.sleep(0.2)
    return f"{hotp(base64.b32decode(secret), number):06d}", number
