import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django_otp.oath import TOTP

from huimin.core.authority.roles import Role
from huimin.core.models import CodeDevice, Grant
from huimin.demo import accounts


class Command(BaseCommand):
    help = "列出演示账号：每个岗位一个；--all 列出全部。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--all", action="store_true", help="全部演示账号，不只每岗一个")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = self._rows()
        if not rows:
            raise CommandError("还没有演示账号，请先运行 seed_demo。")
        if not options["all"]:
            rows = list({row["role"]: row for row in reversed(rows)}.values())[::-1]
        if options["json"]:
            self.stdout.write(json.dumps(rows, ensure_ascii=False, indent=1))
            return
        for row in rows:
            code = f"  动态口令 {row['code']}" if row["code"] else ""
            self.stdout.write(
                f"{row['role_name']:<6}\t{row['username']:<16}{row['name']}\t{row['office']}（{row['division']}）{code}"
            )
        self.stdout.write(f"密码都是 {accounts.PASSWORD}")
        self.stdout.write(f"动态口令的密钥 {accounts.shown_secret()}（30 秒换一次，可装进手机上的口令程序）")

    def _rows(self) -> list[dict[str, Any]]:
        """In the order of the posts; read from the database, so that only what is there is printed."""
        names = [post.username for post in accounts.posts()]
        grants = Grant.objects.in_force().filter(user__username__in=names, user__is_active=True)
        devices = {device.user_id: device for device in CodeDevice.objects.filter(confirmed=True)}
        rows = [
            {
                "role": grant.role,
                "role_name": Role(grant.role).label,
                "username": grant.user.username,
                "name": grant.user.name,
                "office": grant.office.name,
                "division": str(grant.division),
                "password": accounts.PASSWORD,
                "totp_secret": accounts.shown_secret() if grant.user_id in devices else "",
                "code": _code(devices.get(grant.user_id)),
            }
            for grant in grants.select_related("user", "office", "division")
        ]
        return sorted(rows, key=lambda row: names.index(str(row["username"])))


def _code(device: CodeDevice | None) -> str:
    if device is None:
        return ""
    totp = TOTP(device.bin_key)
    totp.time = time.time()
    return f"{totp.token():06d}"
