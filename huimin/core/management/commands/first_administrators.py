import json
import sys
from getpass import getpass
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from huimin.core import installing
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput
from huimin.core.installing import FIRST_POSTS, FirstPerson
from huimin.core.models import User
from huimin.core.work.command import StaffCommand

FIELDS = ("username", "name", "id_number", "password")


class Command(StaffCommand):
    help = (
        "给新装的县建头两位管理员：系统管理员和安全管理员。身份证号和密码在提示后输入，或用 --stdin 从标准输入读，"
        "不写在命令行上。已有管理员时拒绝。"
    )
    needs_actor = False

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--office", default="", help="两位管理员所在机构的名称；不写就用“某县财政局信息中心”"
        )
        parser.add_argument(
            "--stdin",
            action="store_true",
            help='从标准输入读 JSON：{"system_admin": {"username", "name", "id_number", "password"}, '
            '"security_admin": {…}}',
        )

    def act(self, actor: User | None, *, office: str, stdin: bool, **options: Any) -> dict[str, Any]:
        people = _read(sys.stdin.read()) if stdin else {role: _ask(role) for role in FIRST_POSTS}
        made = installing.first_administrators(settings.COUNTY_CODE, people, office_name=office.strip())
        told = {
            role.label: f"{user}（{user.username}）" for role, user in zip(FIRST_POSTS, made, strict=True)
        }
        return {
            **told,
            "机构": str(made[0].office),
            "下一步": "两位分别登录，先改密码；再由系统管理员建账号，安全管理员授权。",
        }


def _ask(role: Role) -> FirstPerson:
    """What is private is typed unseen."""
    if not sys.stdin.isatty():
        raise BadInput("这里不能逐项输入。请在终端里运行，或加 --stdin。")
    sys.stdout.write(f"{role.label}\n")
    username, name = input("  用户名："), input("  姓名：")
    id_number, password = getpass("  身份证号（不显示）："), getpass("  第一次登录的密码（不显示）：")
    if password != getpass("  再输一次密码："):
        raise BadInput("两次输入的密码不一样，没有建任何账号。")
    return FirstPerson(username, name, id_number, password)


def _read(text: str) -> dict[Role, FirstPerson]:
    try:
        given = json.loads(text)
        return {
            role: FirstPerson(**{name: str(given[role][name]) for name in FIELDS}) for role in FIRST_POSTS
        }
    except (ValueError, KeyError, TypeError):
        # the text itself is private, and so is what the parser says of it
        raise BadInput(
            f"标准输入应为 JSON，system_admin 和 security_admin 各有 {'、'.join(FIELDS)}。"
        ) from None
