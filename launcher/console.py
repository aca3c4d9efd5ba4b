"""What the launcher says: short Chinese lines with an English hint."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Problem(Exception):
    """Something a person must mend; the text says what is wrong and what to do."""


def say(text: str) -> None:
    """One line on standard error, so that a command's own output can be piped."""
    print(f"[run] {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is being done before it is done, and how long it took once it worked."""
    say(f"{text}……")
    began = time.monotonic()
    yield
    say(f"{text}：完成，{time.monotonic() - began:.1f} 秒")
