"""Invented people for demonstrations, tests and measurements: whole households, the same for the same seed.

ID numbers begin with 99, an area prefix that is assigned to no county, and have a right check digit; mobiles
begin with 199; cards are 62… with a right Luhn digit. Nobody here exists.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import IO, NamedTuple

from huimin.core.errors import RowError
from huimin.core.sheets.writer import Column, write_rows
from huimin.core.values.identity import age_on, check_digit
from recipients.files.columns import TITLES

AREA_PREFIX = "99"
SURNAMES = tuple("王李张刘陈杨黄赵周吴徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾萧田董潘袁蔡蒋余于杜叶程魏苏吕丁任沈姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严")  # fmt: skip
SURNAME_WEIGHTS = tuple(max(4, 110 - index) for index in range(len(SURNAMES)))
DOUBLE_SURNAMES = ("欧阳", "上官", "司马", "诸葛", "皇甫", "夏侯", "令狐", "慕容", "东方", "司徒")
OLD_MALE = tuple("国建德明长永先家世正传开光维道立成福根军平山宝银海林胜友新荣")
OLD_FEMALE = tuple("秀桂玉凤兰英珍芳翠霞莲菊香梅素淑云华春美琴月荷")
YOUNG_MALE = tuple("伟强磊洋勇杰涛超鹏浩宇轩博文俊凯瑞晨阳泽铭子豪睿")
YOUNG_FEMALE = tuple("静丽敏艳娟婷雪倩颖慧琳悦欣怡梦涵思雨佳妍诗琪雅萱")
RARE = ("㛃", "𬭎", "䶮", "𠮷", "龴", "㳒")
DOTTED = (
    ("买买提", "艾力"), ("阿依古丽", "吐尔逊"), ("古丽娜尔", "买买提"), ("阿卜杜拉", "热合曼"),
    ("努尔兰", "哈再孜"), ("扎西", "才让"), ("卓玛", "央金"), ("帕提古丽", "库尔班"),
)  # fmt: skip
BRANCHES = (
    ("402376400018", "县农村商业银行营业部"),
    ("402376400026", "县农村商业银行城关支行"),
    ("402376400034", "县农村商业银行河口支行"),
    ("403376400015", "中国邮政储蓄银行县支行"),
    ("103376400012", "中国农业银行县支行"),
)
DISABILITY_KINDS = ("视力", "听力", "言语", "肢体", "智力", "精神", "多重")
GRADES = ("一级", "二级", "三级", "四级")
LOW_INCOME_GRADES = ("A类", "B类", "C类")
DESTITUTE_GRADES = ("全自理", "半护理", "全护理")

# GB/T 4761
HEAD, HUSBAND, WIFE, SON, DAUGHTER, DAUGHTER_IN_LAW, GRANDSON, GRANDDAUGHTER, FATHER, MOTHER = (
    "02", "11", "12", "20", "30", "38", "41", "42", "51", "52",
)  # fmt: skip
RELATION_WORDS = {
    HEAD: "本人", HUSBAND: "丈夫", WIFE: "妻子", SON: "儿子", DAUGHTER: "女儿", DAUGHTER_IN_LAW: "儿媳",
    GRANDSON: "孙子", GRANDDAUGHTER: "孙女", FATHER: "父亲", MOTHER: "母亲",
}  # fmt: skip


class Village(NamedTuple):
    """A village of the caller's division list."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class MemberData:
    """One person; `sex` is 1 男 or 2 女, `relation` a GB/T 4761 code, kind and grade only with a certificate."""

    name: str
    id_number: str
    birth_date: date
    sex: str
    relation: str
    phone: str
    disability_kind: str = ""
    disability_grade: str = ""


@dataclass(frozen=True, slots=True)
class HouseholdData:
    """One household; members[0] is the holder, `area` is contracted land in 亩."""

    code: str
    village: Village
    group: str
    members: tuple[MemberData, ...]
    account: str
    account_is_card: bool
    branch_code: str
    branch_name: str
    area: Decimal
    low_income_grade: str
    destitute_grade: str
    out_of_poverty: bool

    @property
    def holder(self) -> MemberData:
        """The adult in whose name the account is."""
        return self.members[0]


def generate_households(
    seed: int, villages: Sequence[Village], households: int, *, on: date = date(2026, 1, 1)
) -> Iterator[HouseholdData]:
    """Households spread evenly over the villages, village by village; ages are those of the day `on`."""
    if not villages:
        raise ValueError("people live in villages: give at least one")
    maker = _Maker(seed, on)
    share, rest = divmod(households, len(villages))
    for index, village in enumerate(villages):
        for number in range(1, share + (1 if index < rest else 0) + 1):
            yield maker.household(village, number)


def _told_apart(members: tuple[MemberData, ...]) -> tuple[MemberData, ...]:
    """The registry has one name once in a household: namesakes get （大） and （小） behind it, a third another name."""
    times = Counter(member.name for member in members)
    seen: Counter[str] = Counter()
    found = []
    for member in members:
        if times[member.name] == 1:
            found.append(member)
            continue
        behind = ("（大）", "（小）", "三")[seen[member.name]]
        seen[member.name] += 1
        found.append(replace(member, name=member.name + behind))
    return tuple(found)


class _Maker:
    """Keeps what must be unique over the whole county: ID numbers, phones, accounts."""

    def __init__(self, seed: int, on: date) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - invented people must come out the same again
        self.random = self.chance.random
        self.on = on
        self.ids: set[str] = set()
        self.serial = 0

    def pick(self, choices: Sequence[str]) -> str:
        """One of the choices; a good deal faster than random.choice."""
        return choices[int(self.random() * len(choices))]

    def household(self, village: Village, number: int) -> HouseholdData:
        chance = self.random
        members = _told_apart(self._members())
        code, name = BRANCHES[int(chance() * len(BRANCHES))]
        card = chance() < 0.85
        low_income = chance() < 0.05
        destitute = not low_income and len(members) == 1 and chance() < 0.2
        area = int(chance() * 1_100 + chance() * 500) + 40
        return HouseholdData(
            code=f"{village.code}{number:05d}",
            village=village,
            group=f"第{number % 12 + 1}组",
            members=members,
            account=self._card() if card else self._passbook(),
            account_is_card=card,
            branch_code=code,
            branch_name=name,
            area=Decimal(area).scaleb(-2),
            low_income_grade=self.pick(LOW_INCOME_GRADES) if low_income else "",
            destitute_grade=self.pick(DESTITUTE_GRADES) if destitute else "",
            out_of_poverty=chance() < 0.12,
        )

    def _members(self) -> tuple[MemberData, ...]:
        """A holder, often a spouse, then parents, children, a child's wife, grandchildren as the ages allow."""
        chance = self.random
        age = 24 + int(chance() * 32 + chance() * 34)
        male = chance() < 0.82
        surname = self._surname()
        family = [self._person(surname, age, male, HEAD)]
        if chance() < 0.78:
            spouse_age = max(20, age - int(chance() * 7) + 2)
            family.append(self._person(self._surname(), spouse_age, not male, WIFE if male else HUSBAND))
        if age < 60 and chance() < 0.4:
            elder_male = chance() < 0.4
            name = surname if elder_male else self._surname()
            relation = FATHER if elder_male else MOTHER
            family.append(self._person(name, age + 21 + int(chance() * 9), elder_male, relation))
        if age >= 26:
            family += self._descendants(surname, age)
        return tuple(family)

    def _descendants(self, surname: str, age: int) -> list[MemberData]:
        chance = self.random
        found = []
        for _ in range(int(chance() * 3.7)):
            child_age = age - 23 - int(chance() * 12)
            boy = chance() < 0.52
            if child_age >= 0 and (child_age < 24 or boy):  # grown daughters have their own household
                found.append(self._person(surname, child_age, boy, SON if boy else DAUGHTER))
        if found and age > 54 and chance() < 0.5:
            found.append(self._person(self._surname(), age - 26 - int(chance() * 6), False, DAUGHTER_IN_LAW))
            grandson = chance() < 0.5
            grand_age = max(0, age - 52 - int(chance() * 6))
            found.append(self._person(surname, grand_age, grandson, GRANDSON if grandson else GRANDDAUGHTER))
        return found

    def _person(self, surname: str, age: int, male: bool, relation: str) -> MemberData:
        born = self.on - timedelta(days=int((age + self.random() * 0.99) * 365.2425) + 1)
        disabled = self.random() < 0.04
        return MemberData(
            name=self._name(surname, age, male),
            id_number=self._id_number(born, male),
            birth_date=born,
            sex="1" if male else "2",
            relation=relation,
            phone=self._phone() if age >= 14 else "",
            disability_kind=self.pick(DISABILITY_KINDS) if disabled else "",
            disability_grade=self.pick(GRADES) if disabled else "",
        )

    def _surname(self) -> str:
        if self.random() < 0.006:
            return self.pick(DOUBLE_SURNAMES)
        return self.chance.choices(SURNAMES, cum_weights=_CUMULATED)[0]

    def _name(self, surname: str, age: int, male: bool) -> str:
        drawn = self.random()
        if drawn < 0.004:
            given, family = DOTTED[int(self.random() * len(DOTTED))]
            return f"{given}·{family}"
        if drawn < 0.0065:  # one in 400
            return surname + self.pick(RARE)
        if age >= 40:
            letters = OLD_MALE if male else OLD_FEMALE
        else:
            letters = YOUNG_MALE if male else YOUNG_FEMALE
        first = self.pick(letters)
        return surname + first if drawn < 0.18 else surname + first + self.pick(letters)

    def _id_number(self, born: date, male: bool) -> str:
        day = f"{born.year:04d}{born.month:02d}{born.day:02d}"
        while True:
            area = int(self.random() * 10_000)
            order = int(self.random() * 499) * 2 + (1 if male else 2)
            head = f"{AREA_PREFIX}{area:04d}{day}{order:03d}"
            if head not in self.ids:
                self.ids.add(head)
                return head + check_digit(head)

    def _next(self) -> int:
        """A number that never comes twice and does not look counted: a step prime to 10^8."""
        self.serial += 1
        return self.serial * 61_803_399 % 100_000_000

    def _phone(self) -> str:
        return f"199{self._next():08d}"

    def _card(self) -> str:
        head = f"621799{self._next():012d}"
        return head + luhn_digit(head)

    def _passbook(self) -> str:
        return f"10{self._next():015d}"


_CUMULATED = tuple(sum(SURNAME_WEIGHTS[: index + 1]) for index in range(len(SURNAME_WEIGHTS)))
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn_digit(digits: str) -> str:
    """The digit that makes a card number pass the Luhn check."""
    total = sum(map(int, digits[-2::-2])) + sum(_DOUBLED[int(digit)] for digit in digits[-1::-2])
    return str(-total % 10)


def registry_rows(households: Iterable[HouseholdData], *, on: date = date(2026, 1, 1)) -> Iterator[list[str]]:
    """One row of TITLES per member, coded cells as "编码-名称"."""
    for house in households:
        village = f"{house.village.code}-{house.village.name}"
        bank = f"{house.branch_code}-{house.branch_name}"
        flags = [
            _yes_no(house.low_income_grade != ""),
            "1-是",
            _yes_no(house.out_of_poverty),
            _yes_no(house.destitute_grade != ""),
        ]
        holder = house.holder
        for member in house.members:
            yield [
                "1-正常", house.code, holder.name, holder.id_number, member.name, member.id_number, village, house.group,
                "1-男" if member.sex == "1" else "2-女", member.phone, str(age_on(member.birth_date, on)),
                RELATION_WORDS[member.relation], holder.name, house.account, bank, "", "", "", *flags,
                _remark(house, member), "",
            ]  # fmt: skip


def _yes_no(value: bool) -> str:
    return "1-是" if value else "0-否"


def _remark(house: HouseholdData, member: MemberData) -> str:
    words = [
        house.low_income_grade and f"低保{house.low_income_grade}",
        house.destitute_grade and f"特困{house.destitute_grade}",
    ]
    words.append(member.disability_kind and f"{member.disability_kind}残疾{member.disability_grade}")
    return "，".join(word for word in words if word)


def write_registry(
    fileobj: IO[bytes], households: Iterable[HouseholdData], *, on: date = date(2026, 1, 1)
) -> int:
    """The registry as .xlsx with its header in the first row; gives the number of rows."""
    wide = {"身份证号", "户主身份证号", "银行账号", "村(居)委会", "开户银行", "农户编码"}
    columns = [Column(title, 24 if title in wide else 12) for title in TITLES]
    return write_rows(fileobj, columns, registry_rows(households, on=on))


FAULTS = (
    "check_digit",
    "float_id",
    "duplicate",
    "unknown_village",
    "missing_name",
    "short_id",
    "bad_relation",
    "account_is_id",
)


def bad_rows(
    rows: Sequence[Sequence[str]], *, seed: int, first_row: int = 2
) -> tuple[list[list[str]], list[RowError]]:
    """The rows with one fault of each kind, on different rows, and what an importer must find.

    `first_row` is the number of the first row in the file. RowError.message is the kind of FAULTS; an importer's
    own words differ. A duplicate is reported on the later of the two rows. Needs twenty rows.
    """
    if len(rows) < 20:
        raise ValueError("needs twenty rows to put the faults apart")
    changed = [list(row) for row in rows]
    chance = random.Random(seed)  # noqa: S311 - the same faults for the same seed
    places = chance.sample(range(2, len(rows)), len(FAULTS))
    errors = []
    # a holder's number is also the household's: changed there, it is first of all a wrong relation
    relation = TITLES.index("与户主关系")
    free = [at for at in range(2, len(rows)) if at not in places and rows[at][relation] != "户主"]
    places[FAULTS.index("duplicate")] = chance.choice(free)
    for fault, place in zip(FAULTS, places, strict=True):
        column = _damage(changed[place], fault, changed[0])
        errors.append(RowError(place + first_row, column, fault))
    return changed, sorted(errors, key=lambda error: error.row or 0)


def _damage(row: list[str], fault: str, other: Sequence[str]) -> str:
    """Put one fault into the row and name the column."""
    column = {
        "unknown_village": "村(居)委会", "missing_name": "家庭成员姓名", "bad_relation": "与户主关系", "account_is_id": "银行账号",
    }.get(fault, "身份证号")  # fmt: skip
    at = TITLES.index(column)
    number = row[TITLES.index("身份证号")]
    row[at] = {
        "check_digit": number[:17] + ("1" if number[17] == "0" else "0"),
        "float_id": f"{float(number[:17] + '0'):.5E}",
        "duplicate": other[TITLES.index("身份证号")],
        "unknown_village": "999999999999-无此村",
        "missing_name": "",
        "short_id": number[:17],
        "bad_relation": "邻居",
        "account_is_id": number,
    }[fault]
    return column
