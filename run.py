#!/usr/bin/env python3
"""The one entry point of a checkout: python3 run.py [demo | test | e2e | check | accounts | manage | resetdb | bench]."""

import sys

if sys.version_info < (3, 11):  # launcher/ is written for 3.11, so this must be said before it is read
    raise SystemExit("需要 Python 3.11 或更高版本，当前是 %d.%d。Needs Python 3.11+." % sys.version_info[:2])

from launcher.commands import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
