"""What the launcher says: short Chinese lines with an English hint."""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


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


class Options(argparse.ArgumentParser):
    """The options of one verb; a wrong one is said like any other problem, with where to read the right ones."""

    def error(self, message: str) -> NoReturn:
        raise Problem(f"参数不对：{message}。用法见 python3 {self.prog} --help。Wrong option.")


def port(text: str) -> int:
    """A type of argparse: a TCP port that a program may listen on."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"端口（--port 或 PORT）要写 1 到 65535 的数字，现在是“{text}”")
    return int(text)
