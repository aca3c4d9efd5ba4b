"""Pure decisions of the public site: the open row and its code, the sums that keep machines out, the limits."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

from disbursement.states import PaymentState
from huimin.core.values import digests
from publicity.states import LineState

# --- the open list ------------------------------------------------------------------------------------------------------

# The open fields of a payment in their order, as text: the same as disbursement.models.sql.PUBLIC_ROW, over a row `l` of
# publicity_disclosureline. docs/verification.md and tools/verify.py repeat this order for people outside.
OPEN_TITLES = ("序号", "村代码", "组", "姓名", "数量", "补贴标准", "金额")
OPEN_ROW_SQL = (
    "ARRAY[l.line_no::text, l.division_code, l.group_name, l.shown_name, l.quantity::text, l.standard_text,"
    " l.amount::text]"
)
QUANTITY_STEP, AMOUNT_STEP = Decimal("0.0001"), Decimal("0.01")


@dataclass(frozen=True, slots=True)
class OpenLine:
    """One line as everybody reads it; the commitment stands for the private fields."""

    line_no: int
    division_code: str
    group_name: str
    shown_name: str
    quantity: Decimal
    standard_text: str
    amount: Decimal
    commitment: bytes
    # for reading; not under the leaf
    village: str = ""
    state: str = ""

    @property
    def fields(self) -> list[str]:
        """The open fields as the leaf holds them: quantities with four places, yuan with two."""
        return [
            str(self.line_no),
            self.division_code,
            self.group_name,
            self.shown_name,
            f"{self.quantity.quantize(QUANTITY_STEP):f}",
            self.standard_text,
            f"{self.amount.quantize(AMOUNT_STEP):f}",
        ]

    @property
    def leaf(self) -> bytes:
        return digests.leaf_hash(digests.canonical_row(self.fields), self.commitment)


def root_of(lines: Sequence[OpenLine]) -> str:
    return digests.merkle_root(line.leaf for line in lines).hex()


@dataclass(frozen=True, slots=True)
class Difference:
    """A line of a list in somebody's hand against the published one; `mine` or `theirs` is empty when it is not there."""

    line_no: int
    name: str
    field: str
    mine: str
    theirs: str


def differences(mine: Iterable[OpenLine], theirs: Iterable[OpenLine], *, most: int = 20) -> list[Difference]:
    """What is not alike, field by field, in the order of line numbers; the first `most`.

    `theirs` come in that order and are not held.
    """
    left = {line.line_no: line for line in mine}
    found: list[Difference] = []
    for line in theirs:
        one = left.pop(line.line_no, None)
        if len(found) < most:
            found += _line_differences(line.line_no, one, line)
    for number in sorted(left)[:most]:
        found += _line_differences(number, left[number], None)
    return sorted(found, key=lambda one: one.line_no)[:most]


def _line_differences(number: int, mine: OpenLine | None, theirs: OpenLine | None) -> list[Difference]:
    if mine is None or theirs is None:
        one = mine or theirs
        assert one is not None  # noqa: S101 -- a number comes from one of the two lists
        amount = one.fields[-1]
        return [
            Difference(
                number, one.shown_name, "这一行", amount if mine else "没有", "没有" if mine else amount
            )
        ]
    found = [
        Difference(number, theirs.shown_name, title, ours, open_one)
        for title, ours, open_one in zip(OPEN_TITLES, mine.fields, theirs.fields, strict=True)
        if ours != open_one
    ]
    if not found and mine.commitment != theirs.commitment:
        found.append(Difference(number, theirs.shown_name, "隐私指纹", "改过", "原样"))
    return found


# --- the code on the poster -----------------------------------------------------------------------------------------------

_MISREAD = str.maketrans("ILOilo", "110110")


def read_code(text: str) -> str:
    """What somebody typed or scanned as a short code or a whole root; empty when it is neither."""
    plain = "".join(text.split()).replace("-", "")
    if len(plain) == 64 and all(sign in "0123456789abcdefABCDEF" for sign in plain):
        return plain.lower()
    code = plain.translate(_MISREAD).upper()
    is_code = len(code) == digests.CODE_LENGTH and all(sign in digests.CODE_SIGNS for sign in code)
    return code if is_code else ""


# --- limits of the public query -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` misses in a stretch of `seconds`; windows begin at multiples of it."""

    most: int
    seconds: int


# an ID number is no secret: knowing birthday and area leaves 999 guesses, so the person counts first, then addresses.
# A name counts per network: counted for the county, twenty misses of one machine would close it to everyone so called
LIMITS: Mapping[str, Limit] = {
    "address": Limit(20, 3_600),
    "network": Limit(200, 3_600),
    # not a stop: above it the sums get harder, since a stop would lock out the whole county
    "everybody": Limit(300, 600),
    "name": Limit(20, 86_400),
    "person": Limit(5, 86_400),
    # costly pages, for one house; its neighbourhood has NEIGHBOURS times as much
    "objection": Limit(10, 3_600),
    "progress": Limit(20, 3_600),
    "window": Limit(10, 3_600),
    "paper": Limit(60, 3_600),
    "verify": Limit(120, 3_600),
    "compare": Limit(20, 3_600),
}
NEIGHBOURS = 10
# the order in which a question is counted: what stands after a limit that is reached is not spent, so that a machine
# over its own limit takes nothing from its neighbours, nor its network anything from the people asked about
ASKED = ("address", "network", "everybody", "name", "person")
STOPPING = ("person", "name", "address", "network")
LIFTED_AT_WINDOW = ("address", "network")
COUNTED_BY_DAY = ("person", "name")
SHARDS = 8  # counters of `everybody`, so that no row is everybody's lock


def blocked_by(counts: Mapping[str, int], *, at_window: bool) -> bool:
    """`counts` include the present question, so the sixth miss of a person is the first refused one."""
    held = [scope for scope in STOPPING if not (at_window and scope in LIFTED_AT_WINDOW)]
    return any(_is_over(counts, scope) for scope in held)


def tries_left(counts: Mapping[str, int], *, at_window: bool) -> int | None:
    """How many more misses today the typed number and name may have; None where the house must wait for the next hour.

    It follows from how often was asked alone, for any number that is typed, so it tells nobody whether that is on file.
    """
    if any(_is_over(counts, scope) for scope in LIFTED_AT_WINDOW if not at_window):
        return None
    return max(0, min(LIMITS[scope].most - counts.get(scope, 0) for scope in COUNTED_BY_DAY))


def _is_over(counts: Mapping[str, int], scope: str) -> bool:
    return counts.get(scope, 0) > LIMITS[scope].most


def network_of(address: str) -> tuple[str, str]:
    """The address and its neighbourhood: /24 of IPv4; /64 and /48 of IPv6, where one house owns a /64."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address, address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if ip.version == 4:
        return str(ip), str(ipaddress.ip_network(f"{ip}/24", strict=False))
    house = ipaddress.ip_network(f"{ip}/64", strict=False)
    return str(house), str(ipaddress.ip_network(f"{ip}/48", strict=False))


# --- the sum ----------------------------------------------------------------------------------------------------------------

_DIGITS = "零一二三四五六七八九十"


@dataclass(frozen=True, slots=True)
class Sum:
    """A question in words, so that it can be read aloud, and its answer."""

    question: str
    answer: int


def sum_from(noise: bytes, *, hard: bool = False) -> Sum:
    """A sum of two numbers up to nine, or of three when many questions fail everywhere."""
    digest = sha256(noise).digest()
    terms = [digest[at] % 9 + 1 for at in range(3 if hard else 2)]
    words = "加".join(_DIGITS[term] for term in terms)
    return Sum(f"{words}等于几？", sum(terms))


# --- words ------------------------------------------------------------------------------------------------------------------

# the state of a payment -> what the public reads; a line that a correction took over failed
PUBLIC_STATES: Mapping[PaymentState, LineState] = {
    PaymentState.WAITING: LineState.IN_HAND,
    PaymentState.ORDERED: LineState.IN_HAND,
    PaymentState.AT_BANK: LineState.AT_BANK,
    PaymentState.PAID: LineState.PAID,
    PaymentState.BANK_FAILED: LineState.FAILED,
    PaymentState.LATE_RETURN: LineState.FAILED,
    PaymentState.TAKEN_OVER: LineState.FAILED,
    PaymentState.STOPPED: LineState.STOPPED,
    PaymentState.VOID: LineState.STOPPED,
    PaymentState.VOLUNTARY_REFUND: LineState.REFUNDED,
}
# of a payment that goes no further as it is, or of which something was done since: what it is called, what to do. By its
# turn (OwnPayment.turn), and of what was stopped and given back by its state; {office} is whom to ask, {card} the new one
TURNS: Mapping[str, tuple[str, str]] = {
    "withheld": ("暂停着，没有发", "为什么停、怎样恢复，请问{office}。"),
    "over": (
        "没有发，不再发",
        "名单做好以后情况变了：这段时间的补贴已经终止、停发，或者转给您家别的人领了。有疑问，请带身份证到{office}核对。",
    ),
    "record": (
        "档案停用着，没有发",
        "您的，或者替您收钱的人的档案停用了，恢复以前不发；恢复以后该发的，会补给您。为什么停用、怎样恢复，请带身份证到{office}问。",
    ),
    "no_account": (
        "没有发，登记里没有收款人的卡",
        "请收款人带身份证和社保卡到{office}登记，登记好了再发，钱不会少。",
    ),
    "dead": (
        "没有发，登记里写着享受人或收款人已去世",
        "写错了的，请带身份证到{office}说明。替您收钱的户主去世了的，请带户口本到那里改户主，改了就发。",
    ),
    "other_card": (
        "正在办，改发到新卡",
        "登记的卡已经换成尾号 {card} 的，这一笔改好名单再发，打到这张卡上，不用您办什么。等久了，问{office}。",
    ),
    "payee_died": (
        "没有发成功，收款人已去世",
        "请家里人带户口本、身份证和自己的卡到{office}办：还没有改户主的先改户主，再把收这笔钱的卡换成家里人的，换好了补发，钱不会少。人还在、登记写错了的，也到那里说明。",
    ),
    "held": (
        "没有发成功，后来停发了",
        "为什么停、要办什么才能恢复，请带身份证到{office}问。恢复以后该发的，会补给您。",
    ),
    "paid_to_house": ("没有发成功，这一期已另发给您家", "这一笔不再发。有疑问，请带户口本到{office}核对。"),
    "not_due": (
        "没有发成功，不再发",
        "这段时间的补贴已经终止、停发，或者转给您家别的人领了。有疑问，请带身份证到{office}核对。",
    ),
    "new_card": (
        "没有发成功，等补发",
        "登记的卡已经换成尾号 {card} 的，不用您再办，下次补发打到这张卡上。等久了，问{office}。",
    ),
    LineState.STOPPED: (
        "停发了，还没有恢复",
        "这一笔没有发。为什么停、要办什么才能恢复，请带身份证到{office}问。恢复以后该发的，会补给您。",
    ),
    LineState.REFUNDED: ("已退还", "这笔钱退回去了。为什么退、以后还发不发，请问{office}。"),
}


def turn_words(turn: str, *, office: str, card: str) -> tuple[str, str]:
    """What a payment that goes no further is called, and what to do."""
    head, act = TURNS[turn]
    return head, act.format(office=office or "乡镇财政所", card=card)


# of a declaration whose person's record, or the payee's, is out of use
PAUSED_REVIEW = "登记的档案停用了：审核照常，恢复以前不发。为什么停用、怎样恢复，请带身份证到{office}问。"


def paused_review_words(*, office: str) -> str:
    """What is said beside the stage of a declaration that would not be paid as the records stand."""
    return PAUSED_REVIEW.format(office=office or "乡镇财政所")


# what a declaration's stage means to the person on it
STAGE_WORDS: Mapping[str, str] = {
    "draft": "村里正在登记",
    "deliberation": "村里正在评议",
    "village_notice": "正在村里公示",
    "township_review": "乡镇正在审核",
    "township_notice": "正在乡镇公示",
    "county_review": "县里正在联合审核",
    "county_notice": "正在县里公示",
}
# why something that is due is not listed, and what to do about it; {office} is whom to ask
AWAITED_WORDS: Mapping[str, tuple[str, str]] = {
    "": ("资格已确认，等发放", "还没有列入发放名单，不用您办什么。等久了，问{office}。"),
    "no_account": ("登记里没有您的卡", "请带身份证和社保卡到{office}登记，登记好了再发，钱不会少。"),
    "payee_account": (
        "登记里没有收款人的卡",
        "请收款人带身份证和社保卡到{office}登记，登记好了再发，钱不会少。",
    ),
    "suspended": ("这项补贴暂停着", "为什么停、怎样恢复，请问{office}。"),
    "record": ("登记的档案停用了", "请带身份证到{office}核对。"),
    "dead": (
        "登记里写着享受人或收款人已去世",
        "写错了的，请带身份证到{office}说明。替您收钱的户主去世了的，请带户口本到那里改户主，改了就发。",
    ),
    "head": ("这一期已发给您家的另一任户主", "有疑问，请带户口本到{office}核对。"),
    "lifted": ("停发已经恢复，等补发", "下一次补发时发给您，不用您办什么。等久了，问{office}。"),
    "stop": (
        "这些天的停发了，还没有恢复",
        "恢复以前不发；恢复了，下一次就补给您。为什么停、要办什么才能恢复，请带身份证到{office}问。",
    ),
    "house_stop": (
        "您家这些天的有一笔停发了，还没有恢复",
        "恢复以前不发；恢复了，下一次就补给您。为什么停、怎样恢复，请带户口本到{office}问。",
    ),
    "coming": ("资格已确认，还没有到时间", "到了时间就列入发放名单，现在不用您办什么。有疑问，问{office}。"),
    "no_facts": ("登记的情况不全，算不出金额", "请带身份证到{office}补齐。"),
    "nothing_due": ("按标准算，这一期没有要发的钱", "有疑问，请问{office}。"),
    "policy": ("这项政策现在暂停或已经取消", "请问{office}。"),
}


def awaited_words(hindrance: str, *, own_account: bool, office: str) -> tuple[str, str]:
    """What stands in the way and what to do; the card is told as the payee's where the money goes to somebody else."""
    reason = "payee_account" if hindrance == "no_account" and not own_account else hindrance
    head, act = AWAITED_WORDS[reason]
    return head, act.format(office=office or "乡镇财政所")


# what became of a right: what it is called, what it comes to, what to do; {since}, {until} are days, {office} whom to ask
CHANGE_WORDS: Mapping[str, tuple[str, str, str]] = {
    "withheld": (
        "这项补贴暂停着",
        "从{since}起暂缓。以前各期还没有发出去的也先停着，恢复以后没有发的都补给您。",
        "为什么停、要办什么（例如认证）才能恢复，请带身份证到{office}问。",
    ),
    "forfeited": (
        "这项补贴暂停着",
        "从{since}起停发，停发期间的以后不补。",
        "为什么停、什么时候恢复，请问{office}。觉得停错了的，也到那里说。",
    ),
    "lost": (
        "停发过，已恢复",
        "{since}到{until}这段时间停发，不发，以后也不补；别的时间照发。",
        "觉得停错了的，请问{office}。",
    ),
    "lost_periods": (
        "停发过，已恢复",
        "{since}到{until}停发过。整期都在这段时间里的不发、以后不补，其余各期照发。",
        "觉得停错了的，请问{office}。",
    ),
    "ended": (
        "这项补贴已终止",
        "从{since}起不再发；以前没有发的照发。",
        "为什么终止，请问{office}。觉得终止错了的，也到那里说。",
    ),
    "ended_paused": (
        "这项补贴已终止",
        "从{since}起不再发。以前没有发的，看这项补贴暂停的那一条。",
        "为什么终止，请问{office}。觉得终止错了的，也到那里说。",
    ),
    "dead": (
        "登记里写着已去世",
        "从{since}起不再发；以前没有发的照发。",
        "人还在、登记写错了的，请带身份证到{office}说明，改正以后该发的都补。家里人有事要问的，也到那里问。",
    ),
    "head": (
        "您家的户主现在是您",
        "从{since}起户主是您，按户发的补贴由您领；哪一项从哪一期起，看那项政策怎么规定（按年发的，多从下一年起）。以前的记在原户主名下：已经发的、正在办的、没有发成功的，都要用原户主的姓名、身份证号和卡号查。",
        "没有发成功要换卡的、查不到的，请带户口本到{office}问。",
    ),
    "received": (
        "您家的户主换成了您",
        "这项补贴转给了您，从{since}起由您领。已经发给您家、正在发给您家的各期不再发。",
        "有疑问，请带户口本到{office}核对。",
    ),
    "returned": (
        "户主改回来了",
        "换户主的那一次改回来了，这项补贴从{since}起仍由您领。这期间已经发给您家、正在发给您家的各期不再发。",
        "有疑问，请带户口本到{office}核对。",
    ),
    "former": (
        "这一户换了户主",
        "从{since}起换了户主，按户发的补贴由新户主领；哪一项从哪一期起，看那项政策怎么规定（按年发的，多从下一年起）。以前的仍记在这里：已经发的、正在办的、没有发成功的，看下面；没有发成功的照样补发。",
        "有疑问，请带户口本到{office}核对。",
    ),
    "passed": (
        "已转给您家的新户主",
        "您家换了户主，从{since}起这项补贴由新户主领，您这里不再发。",
        "有疑问，请带户口本到{office}核对。",
    ),
}


# of who is registered dead, whatever rights there were
DEAD_WORDS = (
    "登记里写着这个人已经去世",
    "人还在、登记写错了的，请本人带身份证到{office}说明。改正以后，因为写错没有发的，都补发，不用重新申报。",
)


def change_words(kind: str, since: str, until: str, *, office: str) -> tuple[str, str, str]:
    """What a change of a right is called, what it comes to and what to do."""
    head, what, act = CHANGE_WORDS[kind]
    return head, what.format(since=since, until=until), act.format(office=office or "乡镇财政所")


def dead_words(*, office: str) -> tuple[str, str]:
    """What somebody reads whom the registry holds for dead, and what to do where that is a mistake."""
    head, act = DEAD_WORDS
    return head, act.format(office=office or "乡镇财政所")


MISS_TEXT = "没有查到。请核对姓名、身份证号和卡尾号（或登记的电话），三样都要和登记的一样。"


def miss_text(left: int | None) -> str:
    """The one answer of every miss, with what tries_left gives."""
    if left is None:
        return "没有查到。这里一个小时里查得太多了，请过一小时再查，或者打电话问。"
    if left == 0:
        return f"{MISS_TEXT}今天的次数用完了，填对了也查不出来，请明天再查，或者打电话问。"
    return f"{MISS_TEXT}今天还能查 {left} 次。"


UNSAFE_START = ("=", "+", "-", "@", "\t", "\r")


def unsafe_cell(text: str) -> bool:
    """Whether a spreadsheet would take this text of an open list for a formula, or break the line at it."""
    return text.startswith(UNSAFE_START) or any(sign in text for sign in "\r\n\t\0")
