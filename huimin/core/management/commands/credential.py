from typing import Any

from django.core.management.base import CommandParser

from huimin.core.accounts.services import issue_credential, revoke_credential
from huimin.core.errors import BadInput
from huimin.core.models import OfficeCredential, User
from huimin.core.work.command import StaffCommand


class Command(StaffCommand):
    help = "发给或停用单位的接口凭据（银行取代发文件、送回盘，部门推送申报册）。密钥只显示这一次。"

    def add_options(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--for", dest="account", help="发一份新凭据，以这个账号的名义办理（用户名）")
        what.add_argument("--revoke", metavar="KEY_ID", help="停用这份凭据")
        parser.add_argument(
            "--scope", action="append", default=[], choices=OfficeCredential.Scope.values, help="可用的接口"
        )

    def act(
        self, actor: User | None, *args: Any, account: str, revoke: str, scope: list[str], **options: Any
    ) -> dict[str, Any]:
        if revoke:
            return {"key_id": revoke_credential(revoke, actor=actor).key_id, "revoked": True}
        acts_as = User.objects.filter(username=account, is_active=True).first()
        if acts_as is None:
            raise BadInput(f"没有“{account}”这个在用的账号。")
        credential, secret = issue_credential(acts_as, scopes=scope, actor=actor)
        return {"key_id": credential.key_id, "secret": secret, "scopes": scope, "acts_as": account}
