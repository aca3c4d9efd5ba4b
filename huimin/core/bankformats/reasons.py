"""Why a bank sent money back: one list of reasons, in the words of the bank, the villager and the clerk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason: its bank name, what the villager reads, at most three steps, and how banks word it."""

    code: str
    label: str
    villager_words: str
    steps: tuple[str, ...]
    aliases: tuple[str, ...] = ()


TOWN = "把新的账号告诉乡镇财政所或村信息员"
AGAIN = "钱还在，下次补发时会打给您"

REASONS: dict[str, Reason] = {
    reason.code: reason
    for reason in (
        Reason(
            "name_mismatch",
            "户名不符",
            "卡上的名字和登记的不一样",
            ("核对身份证、银行卡上的名字", "到村里或乡镇财政所改正登记", AGAIN),
            ("户名不符", "姓名不符", "户名不一致", "户名与账号不符", "账户名称不符", "客户名称不符", "BE01"),
        ),
        Reason(
            "account_missing",
            "账户不存在",
            "银行没有找到这个账号，可能登记错了",
            ("找出存折或银行卡，看清账号", "到村里或乡镇财政所改正登记", AGAIN),
            (
                "账户不存在",
                "账号不存在",
                "无此账号",
                "无此帐号",
                "卡号不存在",
                "账号有误",
                "卡号有误",
                "AC01",
            ),
        ),
        Reason(
            "replaced",
            "卡片作废换新",
            "您换过新卡，登记的还是旧卡",
            ("找出现在用的新卡", TOWN, AGAIN),
            ("换卡", "换新", "卡片作废", "作废", "旧卡", "已更换"),
        ),
        Reason(
            "closed",
            "销户",
            "卡注销了",
            ("带身份证到银行办一张社会保障卡", TOWN, AGAIN),
            ("销户", "注销", "已结清", "AC04"),
        ),
        Reason(
            "frozen",
            "冻结（止付）",
            "卡被冻结了，暂时收不了钱",
            ("带身份证和卡到银行网点问清原因", "解冻后告诉乡镇财政所", AGAIN),
            ("冻结", "止付", "质权", "只收不付", "不收不付", "AC06"),
        ),
        Reason(
            "lost",
            "挂失",
            "卡挂失了，还没有补新卡",
            ("带身份证到银行补卡，或者解除挂失", TOWN, AGAIN),
            ("挂失",),
        ),
        Reason(
            "dormant",
            "久悬户",
            "卡太久没用，要到网点激活",
            ("带身份证和卡到银行网点激活", "激活后告诉乡镇财政所", AGAIN),
            ("久悬", "睡眠", "不动户", "长期不动", "未激活"),
        ),
        Reason(
            "limited",
            "二三类户限额",
            "这张卡收钱有限额，这一笔超过了",
            ("带身份证和卡到银行，升为一类户", "办不了的，换一张社会保障卡", AGAIN),
            ("限额", "二类户", "三类户", "Ⅱ类", "Ⅲ类", "II类", "III类", "超额"),
        ),
        Reason(
            "id_expired",
            "证件过期",
            "您在银行登记的身份证过期了",
            ("带新身份证到银行网点更新", "更新后告诉乡镇财政所", AGAIN),
            ("证件过期", "证件失效", "证件已过期", "身份证过期", "证件到期", "身份信息不完整"),
        ),
        Reason(
            "other",
            "其他",
            "银行没有发成功，原因要再问银行",
            ("打服务电话，或到乡镇财政所问清原因", "按工作人员说的办", AGAIN),
        ),
    )
}
OTHER = REASONS["other"]


def normalise(bank_code: str, bank_words: str, *, codes: Mapping[str, str]) -> Reason:
    """The reason behind a bank's code and words; the format's code table first, then the words, else 其他.

    A code that the table calls 其他 still gives way to words that say more.
    """
    known = REASONS.get(codes.get(bank_code.strip(), ""))
    if known is not None and known is not OTHER:
        return known
    words = f"{bank_words} {bank_code}".upper()
    for reason in REASONS.values():
        if any(alias.upper() in words for alias in reason.aliases):
            return reason
    return OTHER


def is_known_code(bank_code: str, codes: Mapping[str, str]) -> bool:
    """Whether the format's table has this code; an unknown one has to be registered first."""
    return bank_code.strip() in codes


def reason_of(code: str) -> Reason:
    """The reason kept with a result; 其他 where none was told."""
    return REASONS.get(code, OTHER)
