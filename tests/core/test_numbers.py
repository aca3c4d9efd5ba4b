import re
from decimal import Decimal

import pytest
from django.db import connection

from huimin.core.desk.forms import QuantityField
from huimin.core.errors import BadInput
from huimin.core.values import numbers

READ = [
    ("12.5", "12.5"),
    ("12.5000", "12.5000"),
    ("1,234.5", "1234.5"),
    ("１，２３４．５", "1234.5"),
    (" 3 \u3000", "3"),
    ("0", "0"),
    ("99999999.9999", "99999999.9999"),
]
REFUSED = [
    ("3，5", "不是数字"),
    ("12,5", "不是数字"),
    ("1,2,3", "不是数字"),
    ("1,23", "不是数字"),
    ("1e5", "不是数字"),
    ("十亩", "不是数字"),
    ("10²", "不是数字"),
    ("-5000", "不能是负数"),
    ("100.12345", "位数太多"),
    ("123456789", "位数太多"),
    (" ", "为空"),
]


@pytest.mark.parametrize(("text", "value"), READ)
def test_a_quantity_is_read_as_written(text, value):
    assert str(numbers.parse_quantity(text)) == value


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_a_quantity_that_could_be_meant_otherwise_is_refused(text, why):
    with pytest.raises(BadInput, match=f"家庭月收入.*{why}"):
        numbers.parse_quantity(text, name="家庭月收入")


def test_a_private_number_in_the_wrong_column_is_not_repeated():
    with pytest.raises(BadInput) as refused:
        numbers.parse_quantity("990524197001011234")
    assert "9905" not in str(refused.value)


@pytest.mark.parametrize(("text", "why"), [row for row in REFUSED if row[1] != "为空"])
def test_a_field_of_a_form_refuses_in_the_same_words(text, why):
    field = QuantityField(label="面积")
    with pytest.raises(Exception, match=f"面积.*{why}"):
        field.clean(text)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text", [*(row[0] for row in REFUSED), "5\n", "５", ".5", "5.", "+5", "12.5", "0007"]
)
def test_postgresql_reads_the_pattern_as_python_does(text):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s ~ %s", [text, f"^{numbers.QUANTITY.pattern}$"])
        assert cursor.fetchone()[0] is bool(re.fullmatch(numbers.QUANTITY, text))


def test_money_reads_its_thousands_by_the_same_rule():
    assert numbers.WRITTEN.fullmatch("1,234.5")
    assert not numbers.WRITTEN.fullmatch("12,5")
    assert numbers.parse_quantity("1,234.5") == Decimal("1234.5")
