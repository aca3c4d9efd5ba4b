import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django_otp.oath import TOTP

from huimin.core.authority.roles import Role
from huimin.core.models import CodeDevice, Department, Grant
from huimin.demo import accounts


class Command(BaseCommand):
    help = "列出演示账号：每个岗位一个；--all 列出全部。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--all", action="store_true", help="全部演示账号，不只每岗一个")

    def handle(self, *args: Any, **options: Any) -> None:
        found = self._rows()
        if not found:
            raise CommandError("还没有演示数据，请先运行 python3 run.py。No demo data yet.")
        one_each = list({row["role"]: row for row in reversed(found)}.values())[::-1]
        shown = found if options["all"] else one_each
        if options["json"]:
            self.stdout.write(json.dumps(shown, ensure_ascii=False, indent=1))
            return
        for row in shown:
            self._print(row["role_name"], row, f"{row['office']}（{row['division']}）")
        self.stdout.write("办一笔付款要用的账号（README“头十分钟”）：")
        by_name = {row["username"]: row for row in found}
        for number, (username, act) in enumerate(accounts.ONE_PAYMENT, 1):
            if username in by_name:
                self._print(f"  {number}", by_name[username], act)
        self.stdout.write(f"密码都是 {accounts.PASSWORD}")
        self.stdout.write(f"动态口令的密钥 {accounts.shown_secret()}（30 秒换一次，可装进手机上的口令程序）")
        if not options["all"]:
            self.stdout.write("全部账号和此刻的动态口令：python3 run.py accounts --all")

    def _print(self, head: str, row: dict[str, Any], text: str) -> None:
        code = f"  动态口令 {row['code']}" if row["code"] else ""
        self.stdout.write(f"{head:<6}\t{row['username']:<16}{row['name']}\t{text}{code}")

    def _rows(self) -> list[dict[str, Any]]:
        """In the order of the posts; read from the database, so that only what is there is printed."""
        if not Department.objects.exists():
            return []
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
