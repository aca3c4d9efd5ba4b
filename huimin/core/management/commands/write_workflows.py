import difflib
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from huimin.core.work import glossary_docs, workflow_docs


class Command(BaseCommand):
    help = (
        "由各应用的步骤表写出 docs/workflows.md，由状态和岗位写出 docs/glossary.md 里的两张表；"
        "--check 只比较，过时就以 1 退出。"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        docs = Path(settings.BASE_DIR) / "docs"
        glossary = (docs / "glossary.md").read_text(encoding="utf-8")
        wanted = {"workflows.md": workflow_docs.page(), "glossary.md": glossary_docs.with_tables(glossary)}
        stale = [name for name, text in wanted.items() if not self._is_written(docs / name, text)]
        if not options["check"]:
            for name in stale:
                (docs / name).write_text(wanted[name], encoding="utf-8")
        elif stale:
            sys.exit(1)

    def _is_written(self, path: Path, wanted: str) -> bool:
        """Whether the page says what the code says; the differences are printed."""
        written = path.read_text(encoding="utf-8") if path.exists() else ""
        if written == wanted:
            return True
        changes = difflib.unified_diff(written.splitlines(), wanted.splitlines(), lineterm="", n=0)
        stale = f"docs/{path.name} is stale: run manage.py write_workflows"
        self.stderr.write("\n".join([stale, *changes]))
        return False
