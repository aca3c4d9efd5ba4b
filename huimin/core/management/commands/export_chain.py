from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from huimin.core.records import audit
from huimin.core.work import jobs


class Command(BaseCommand):
    help = "把审计链导成 JSON 行，供 tools/verify_chain.py 脱机核对。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(jobs.WORKER_SETTINGS)
        with file.open("w", encoding="utf-8") as out:
            written = audit.export_chain(out)
        self.stdout.write(f"导出 {written} 环到 {file}")
