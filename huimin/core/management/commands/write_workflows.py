import difflib
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from huimin.core.work import workflow_docs


class Command(BaseCommand):
    help = "由各应用的步骤表写出 docs/workflows.md；--check 只比较，过时就以 1 退出。"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "workflows.md"
        wanted = workflow_docs.page()
        if not options["check"]:
            path.write_text(wanted, encoding="utf-8")
            return
        written = path.read_text(encoding="utf-8") if path.exists() else ""
        if written != wanted:
            changes = difflib.unified_diff(written.splitlines(), wanted.splitlines(), lineterm="", n=0)
            self.stderr.write(
                "\n".join(["docs/workflows.md is stale: run manage.py write_workflows", *changes])
            )
            sys.exit(1)
