"""Rows for tests. People are invented: ID numbers carry the unassigned prefix 99 and a right check digit."""

from datetime import date
from itertools import count

import factory
from django.contrib.auth.hashers import make_password
from psycopg.types.range import DateRange

from huimin.core import crypto
from huimin.core.authority.roles import Role
from huimin.core.models import Department, Division, Grant, Level, Office, User
from huimin.core.values.identity import check_digit

COUNTY = "341524000000"
TOWN = "341524100000"
OTHER_TOWN = "341524101000"
VILLAGE = "341524100001"
OTHER_VILLAGE = "341524101001"

_serials = count(1)
_PASSWORD = make_password("Huimin-2026")


def id_number(serial: int | None = None, born: str = "19700101") -> str:
    serial = next(_serials) if serial is None else serial
    first = f"99{serial // 1000 % 10_000:04d}{born}{serial % 1000:03d}"
    return first + check_digit(first)


class DivisionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Division
        django_get_or_create = ("code",)

    code = COUNTY
    name = "金寨县"
    level = Level.COUNTY


def county() -> Division:
    """The county with two towns and a village in each."""
    top = DivisionFactory(code=COUNTY, name="金寨县", level=Level.COUNTY)
    for town, name, village, village_name in (
        (TOWN, "梅山镇", VILLAGE, "梅山村委会"),
        (OTHER_TOWN, "麻埠镇", OTHER_VILLAGE, "桂花村委会"),
    ):
        parent = DivisionFactory(code=town, name=name, level=Level.TOWN, parent=top)
        DivisionFactory(code=village, name=village_name, level=Level.VILLAGE, parent=parent)
    return top


class DepartmentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Department
        django_get_or_create = ("code",)

    code = "AGRI"
    name = "农业农村局"


class OfficeFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Office
        django_get_or_create = ("name",)

    name = "金寨县财政局"
    kind = Office.Kind.FINANCE
    division = factory.LazyFunction(county)


def bank_office() -> Office:
    """The county's paying bank, where its people sit."""
    return OfficeFactory(
        name="金寨县农村商业银行",
        kind=Office.Kind.BANK,
        bank_format="pipe_txt",
        bank_names="金寨农村商业银行、县农村商业银行",
    )


class UserFactory(factory.django.DjangoModelFactory):
    """UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN) has that grant from 2020 on."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    name = factory.Sequence(lambda n: f"测试{n}")
    password = _PASSWORD
    office = factory.SubFactory(OfficeFactory)
    id_number = factory.LazyFunction(id_number)
    person_key = factory.LazyAttribute(lambda user: crypto.blind_index("id_number", user.id_number))

    @factory.post_generation
    def role(self, create, extracted, **kwargs):
        for role in [extracted] if isinstance(extracted, str) else extracted or []:
            if role == Role.BANK and self.office.kind != Office.Kind.BANK:
                self.office = bank_office()
                self.save(update_fields=["office"])
            grant(self, role, at=getattr(self, "_at", COUNTY))

    @classmethod
    def _create(cls, model_class, *args, at=COUNTY, **kwargs):
        user = super()._create(model_class, *args, **kwargs)
        user._at = at
        return user


def grant(
    user: User,
    role: str,
    *,
    at: str = COUNTY,
    policies: list[int] | None = None,
    department: Department | None = None,
) -> Grant:
    county()
    user.__dict__.pop("active_grants", None)
    return Grant.objects.create(
        user=user,
        role=Role(role),
        office=user.office,
        division_id=at,
        named_policies=policies,
        department=department,
        valid=DateRange(date(2020, 1, 1), None),
        role_class=0,
        person_key=user.person_key,
    )


class _Anything:
    def __contains__(self, code):
        return True


ANYTHING = _Anything()  # acknowledged, whatever is odd
