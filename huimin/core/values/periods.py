"""Periods that subsidies are paid for, as canonical text and the dates it covers.

2026 (年), 2026H1 (半年), 2026Q1 (季), 2026-02 (月), and 2026#3: the third one-off payment of 2026. The text sorts, is shown in
lists and keys imports; claims refuse overlaps by the dates, so that 2026Q1 and 2026-02 cannot both be paid.

One-off periods are rounds that somebody opened for a policy (subsidies.PaymentRound): their number goes into
`component`, which stands beside the dates in rights and claims, so that 2026#3 excludes another 2026#3 and nothing else;
regular periods share one component and exclude one another by dates. Their day is the round's, which the text does not
tell: `on(day)` puts it in, and until then a one-off covers its year (decisions/0017).
"""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date

from django.db.models import TextChoices
from psycopg.types.range import DateRange

from huimin.core.errors import BadInput
from huimin.core.values.days import days_from


class Frequency(TextChoices):
    """How often a policy pays."""

    YEARLY = "yearly", "按年"
    HALF_YEARLY = "half_yearly", "按半年"
    QUARTERLY = "quarterly", "按季"
    MONTHLY = "monthly", "按月"
    ONE_OFF = "one_off", "一次性"


REGULAR = "regular"  # the component of every period that is no one-off
_MONTHS = {Frequency.YEARLY: 12, Frequency.HALF_YEARLY: 6, Frequency.QUARTERLY: 3, Frequency.MONTHLY: 1}
# the same for SQL, of a column with the frequency; a one-off has its day and no stretches of months
_MONTHS_IN_SQL = " ".join(f"WHEN '{one.value}' THEN {months}" for one, months in _MONTHS.items())
_TEXTS: dict[Frequency, Callable[[int, int], str]] = {
    Frequency.YEARLY: "{0}".format,
    Frequency.HALF_YEARLY: "{0}H{1}".format,
    Frequency.QUARTERLY: "{0}Q{1}".format,
    Frequency.MONTHLY: "{0}-{1:02}".format,
    Frequency.ONE_OFF: "{0}#{1}".format,
}
# as we write them ourselves, then as our labels and people's files do
_PATTERNS = [
    (frequency, re.compile(pattern, re.ASCII))
    for frequency, pattern in (
        (Frequency.YEARLY, r"(\d{4})()年?"),
        (Frequency.HALF_YEARLY, r"(\d{4})(?:H([12])|年([上下])半年)"),
        (Frequency.QUARTERLY, r"(\d{4})(?:Q([1-4])|年第?([1-4一二三四])季度?)"),
        (Frequency.MONTHLY, r"(\d{4})(?:-(0[1-9]|1[0-2])|年(0?[1-9]|1[0-2])月)"),
        (Frequency.ONE_OFF, r"(\d{4})(?:#([1-9]\d{0,5})|年第([1-9]\d{0,5})次)"),
    )
]
_WORDS = {"": 1, "上": 1, "下": 2, "一": 1, "二": 2, "三": 3, "四": 4}
_FULL_WIDTH = str.maketrans(
    "０１２３４５６７８９－＃ＨＱｈｑhq", "0123456789-#HQHQHQ", " \t\r\n\u00a0\u3000\u200b\ufeff"
)
_YEARS = range(1990, 2100)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One period; ordered by its first day, the longer before the shorter. Make it with parse() or containing()."""

    first: date
    _shortness: int
    number: int
    frequency: Frequency
    _day: date | None = field(default=None, compare=False)  # of a one-off, once it is known

    @classmethod
    def parse(cls, text: str, *, name: str = "期次") -> "Period":
        """From canonical text or from a label such as 2026年第1季度; BadInput with the clerk's sentence."""
        plain = text.translate(_FULL_WIDTH)
        for frequency, pattern in _PATTERNS:
            if (match := pattern.fullmatch(plain)) and int(match[1]) in _YEARS:
                word = match[2] or (match[3] if pattern.groups > 2 else "")
                return cls._numbered(frequency, int(match[1]), _WORDS.get(word) or int(word))
        if re.fullmatch(r"[34]\d{4}(\.0)?", plain, re.ASCII):
            raise BadInput(f"{name}“{plain}”是Excel日期序号，应填如2026-01。", field="period")
        shown = text.strip() if len(text.strip()) <= 12 else text.strip()[:12] + "…"
        raise BadInput(
            f"{name}“{shown}”不认识，应填如2026、2026H1、2026Q1、2026-01或2026#1。", field="period"
        )

    @classmethod
    def containing(cls, day: date, frequency: Frequency) -> "Period":
        """The regular period a day lies in; ValueError for one-off, whose number a day does not tell."""
        if frequency == Frequency.ONE_OFF:
            raise ValueError("a one-off period is chosen by its number, not by a day")
        return cls._numbered(frequency, day.year, (day.month - 1) // _MONTHS[frequency] + 1)

    @classmethod
    def _numbered(cls, frequency: Frequency, year: int, number: int) -> "Period":
        month = 1 if frequency == Frequency.ONE_OFF else (number - 1) * _MONTHS[frequency] + 1
        return cls(date(year, month, 1), -_MONTHS.get(frequency, 0), number, frequency)

    @property
    def text(self) -> str:
        """The canonical text, at most 11 characters."""
        return _TEXTS[self.frequency](self.first.year, self.number)

    def __str__(self) -> str:
        return self.text

    @property
    def last(self) -> date:
        """The last day, itself within the period."""
        if self._day:
            return self._day
        month = 12 if self.frequency == Frequency.ONE_OFF else self.first.month + self.months - 1
        return date(self.first.year, month, monthrange(self.first.year, month)[1])

    @property
    def months(self) -> int:
        """Months that an amount per month is paid for; 0 for one-off, which no amount per month can be paid by."""
        return _MONTHS.get(self.frequency, 0)

    @property
    def is_one_off(self) -> bool:
        return self.frequency == Frequency.ONE_OFF

    def on(self, day: date) -> "Period":
        """A one-off on the day of its round; any other period as it is."""
        return replace(self, first=day, _day=day) if self.is_one_off else self

    @property
    def days(self) -> DateRange:
        """The days it covers, half-open as they are stored."""
        return days_from(self.first, self.last)

    @property
    def component(self) -> str:
        """What stands beside the dates in rights and claims: REGULAR, or "#3" for the third one-off of a year."""
        return f"#{self.number}" if self.is_one_off else REGULAR

    @property
    def label(self) -> str:
        """For screens: 2026年, 2026年上半年, 2026年第1季度, 2026年2月, 2026年第3次."""
        unit = {
            Frequency.YEARLY: "",
            Frequency.HALF_YEARLY: "上半年" if self.number == 1 else "下半年",
            Frequency.QUARTERLY: f"第{self.number}季度",
            Frequency.MONTHLY: f"{self.number}月",
            Frequency.ONE_OFF: f"第{self.number}次",
        }
        return f"{self.first.year}年{unit[self.frequency]}"

    def has_begun(self, today: date) -> bool:
        """A one-off begins on its day, and with its year while that is not known."""
        return self.first <= today

    def next(self) -> "Period":
        """The following period of the same length; of one-off ones the next number in the same year."""
        year, number = self.first.year, self.number + 1
        if self.frequency != Frequency.ONE_OFF and number > 12 // self.months:
            year, number = year + 1, 1
        return self._numbered(self.frequency, year, number)


def begins_in_sql(day: str, frequency: str) -> str:
    """SQL: the first day of the regular period that holds `day`; given columns. NULL for NULL and for one-offs."""
    months = f"(CASE {frequency} {_MONTHS_IN_SQL} END)"
    month = f"extract(month FROM {day})::int - 1"
    return f"make_date(extract(year FROM {day})::int, ({month}) / {months} * {months} + 1, 1)"


def next_in_sql(day: str, frequency: str) -> str:
    """SQL: the first day of the first regular period that begins on `day` or after it; given columns."""
    months = f"(CASE {frequency} {_MONTHS_IN_SQL} END)"
    return f"({begins_in_sql(f'({day} - 1)', frequency)} + {months} * interval '1 month')::date"
