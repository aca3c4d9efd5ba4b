"""Shapes of what is typed on the pages of the ground floor."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError

from huimin.core import clock
from huimin.core.accounts import seats
from huimin.core.authority import limits, scope
from huimin.core.authority.roles import Role
from huimin.core.desk.forms import HouseForm, ScrolledChoice, ScrolledChoices
from huimin.core.desk.looking import acknowledged_in, ask_about
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import Department, Division, Grant, Level, Office, User
from huimin.core.values import identity
from huimin.core.values.days import days_from


class LoginForm(HouseForm):
    summary_verb = "登录"
    username = forms.CharField(
        label="用户名", max_length=150, widget=forms.TextInput({"autocomplete": "username"})
    )
    password = forms.CharField(
        label="密码",
        max_length=200,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )


class CodeForm(HouseForm):
    summary_verb = "确认"
    code = forms.CharField(
        label="动态口令",
        min_length=6,
        max_length=6,
        widget=forms.TextInput(
            {"class": "input otp", "inputmode": "numeric", "autocomplete": "one-time-code"}
        ),
    )


class EnrolForm(CodeForm):
    """Binding asks for the password again: an open screen alone must not become a second factor."""

    summary_verb = "绑定"
    password = forms.CharField(
        label="登录密码", strip=False, widget=forms.PasswordInput({"autocomplete": "current-password"})
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise ValidationError("登录密码不对，请重新输入")
        return password


class PasswordForm(HouseForm):
    summary_verb = "修改"
    current = forms.CharField(
        label="现在的密码", strip=False, widget=forms.PasswordInput({"autocomplete": "current-password"})
    )
    password = forms.CharField(
        label="新密码", strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"})
    )
    again = forms.CharField(
        label="再输一次新密码", strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"})
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["password"].help_text = "".join(password_validators_help_texts()).replace("你", "您")

    def clean_current(self) -> str:
        current: str = self.cleaned_data["current"]
        if not self.user.check_password(current):
            raise ValidationError("现在的密码不对，请重新输入")
        return current

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        new = given.get("password")
        if not new:
            return given
        if new == given.get("current"):
            self.add_error("password", "新密码不能和现在的一样")
        elif new != given.get("again"):
            self.add_error("again", "两次输入的新密码不一样")
        else:
            try:
                validate_password(new, self.user)
            except ValidationError as error:
                self.add_error("password", error)
        return given


class AccountForm(HouseForm):
    summary_verb = "建账号"
    username = forms.RegexField(
        r"^[a-z][a-z0-9_.-]{2,29}$",
        label="用户名",
        help_text="3 到 30 位小写字母、数字，字母开头",
        error_messages={"invalid": "用户名要用 3 到 30 位小写字母、数字，字母开头"},
    )
    name = forms.CharField(label="姓名", max_length=40)
    office = forms.ModelChoiceField(Office.objects.none(), label="所在机构")
    id_number = forms.CharField(
        label="身份证号", max_length=30, widget=forms.TextInput({"autocomplete": "off"})
    )
    phone = forms.CharField(label="手机", max_length=30, required=False)

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["office"].queryset = offices_under(actor)  # type: ignore[attr-defined]

    def clean_id_number(self) -> str:
        text: str = self.cleaned_data["id_number"]
        return _worded(lambda: identity.parse_id_number(text, today=clock.today()).number)

    def clean_name(self) -> str:
        return _worded(lambda: identity.normalise_name(self.cleaned_data["name"]))

    def clean_phone(self) -> str:
        text: str = self.cleaned_data["phone"]
        return _worded(lambda: identity.normalise_phone(text)) if text else ""


class PlaceField(forms.ModelChoiceField):
    """One of the places at or below another, each told with the places that it lies in: two villages of one name differ."""

    widget = ScrolledChoice
    _WHOLE: dict[str, str] = {
        Level.TOWN: "（全乡镇）",
        Level.COUNTY: "（全县）",
        Level.CITY: "（全市）",
        Level.PROVINCE: "（全省）",
    }

    def offer(self, root: str) -> None:
        self.queryset = Division.objects.below(root) if root else Division.objects.none()
        levels = dict(self.queryset.values_list("code", "level"))
        lines = {
            code: dict.fromkeys((*self._county(root, code), scope.town_of(code), code)) for code in levels
        }
        names = Division.objects.names(one for line in lines.values() for one in line)
        self._labels = {
            code: " · ".join(names[one] for one in line if one in names) + self._WHOLE.get(levels[code], "")
            for code, line in lines.items()
        }

    def _county(self, root: str, code: str) -> list[str]:
        """Places of one county need not say which."""
        return [] if scope.county_of(root) else [scope.county_of(code)]

    def label_from_instance(self, obj: Division) -> str:
        return self._labels[obj.pk]


class GrantForm(HouseForm):
    summary_verb = "授权"
    # neither is chosen beforehand: a button pressed on an untouched form would give away a post
    role = forms.ChoiceField(label="角色", choices=[("", "请选择"), *Role.choices])
    division = PlaceField(Division.objects.none(), label="管辖区划")
    department = forms.ModelChoiceField(
        Department.objects.none(),
        label="限定部门",
        required=False,
        help_text="只管这个部门的政策，以后新增的也在内；不选就不按部门限定",
    )
    policies = forms.TypedMultipleChoiceField(
        label="限定政策",
        coerce=int,
        required=False,
        widget=ScrolledChoices,
        help_text="只管勾选的政策，以后新增的不在内；与限定部门只选一种，都不选就是全部政策",
    )
    first_day = forms.DateField(label="从哪天起")
    last_day = forms.DateField(
        label="到哪天止", required=False, help_text="含当天。已填一年，到期前要续；清空就是长期"
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        root = user.office.division_id if user.office else ""
        self.user = user
        self.fields["division"].offer(root)  # type: ignore[attr-defined]
        self.fields["department"].queryset = Department.objects.of_county(root)  # type: ignore[attr-defined]
        self.fields["policies"].choices = limits.policies().offered(root) if root else []  # type: ignore[attr-defined]
        self.fields["first_day"].initial = clock.today()
        self.fields["last_day"].initial = clock.today() + timedelta(days=365)

    confirmed = forms.BooleanField(label="已照批准文件核对姓名、角色和管辖区划")

    def clean_policies(self) -> list[int] | None:
        return self.cleaned_data["policies"] or None

    def clean(self) -> dict[str, Any]:
        """Where the fields are in order, a box for each thing that is odd about the grant: the service wants them ticked."""
        given = super().clean() or self.cleaned_data
        if self.errors or (given["last_day"] and given["last_day"] < given["first_day"]):
            return given
        try:
            doubts = seats.doubts_about(self._grant(given))
        except StepRefused:  # the service says it, once it knows that the form was not sent twice
            doubts = []
        if doubts:
            ask_about(self, doubts)
            given["acknowledged"] = acknowledged_in(self)
        return given

    def _grant(self, given: dict[str, Any]) -> Grant:
        return Grant(
            user=self.user,
            role=given["role"],
            office=self.user.office,
            division=given["division"],
            department=given["department"],
            named_policies=given["policies"],
            valid=days_from(given["first_day"], given["last_day"]),
        )


def offices_under(actor: User) -> Any:
    """Offices of the places that this person's system-administrator grants cover."""
    offices = Office.objects.none()
    for grant in actor.active_grants:
        if grant.role == Role.SYSTEM_ADMIN:
            offices = offices | Office.objects.filter(scope.within(grant.division_id, field="division__code"))
    return offices.order_by("division_id", "name")


def _worded(clean: Any) -> str:
    try:
        return str(clean())
    except BadInput as wrong:
        raise ValidationError(str(wrong)) from wrong
