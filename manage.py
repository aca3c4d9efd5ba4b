#!/usr/bin/env python3
"""Django's command line; `python3 run.py manage …` calls it with the servers up."""

import sys

if __name__ == "__main__":
    try:
        import django  # noqa: F401
    except ModuleNotFoundError:
        raise SystemExit("没有装依赖的 Python：请用 python3 run.py manage …。No Django here.") from None
    from huimin.command_line import main

    raise SystemExit(main(sys.argv))
