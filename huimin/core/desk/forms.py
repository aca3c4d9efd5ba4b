"""What all forms share: classes of the style sheets, errors that say what to do, and the summary at the top."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from huimin.core.desk.pages import Link
from huimin.core.errors import BadInput
from huimin.core.values import money, numbers, privacy

_BLANK, _DASHES = ("", None), "---------"
_BARE = (forms.CheckboxInput, forms.RadioSelect, forms.CheckboxSelectMultiple, forms.HiddenInput)
# messages with parameters are filled in by Django; {label} by us
_PLAIN = {
    "invalid_choice": "{label}选的这一项不在名单里，请重新选",
    "invalid_list": "{label}请从名单里选",
    "empty": "{label}是空文件，请换一个",
}
_FILLED = {
    "max_length": "{label}最多 %(limit_value)d 个字，您填了 %(show_value)d 个",
    "min_length": "{label}要 %(limit_value)d 位，您填了 %(show_value)d 位",
    "max_value": "{label}不能大于 %(limit_value)s",
    "min_value": "{label}不能小于 %(limit_value)s",
    "max_digits": "{label}最多 %(max)s 位数字",
    "max_decimal_places": "{label}最多 %(max)s 位小数",
}


PRIVATE_IN_TEXT = "里像有{kinds}，请删去再提交：写下的话会长久留着"


def refuse_private_numbers(text: str, label: str = "这里") -> None:
    """Raises ValidationError when a free text holds what looks like somebody's number."""
    kinds = dict.fromkeys(one.label.partition("，")[0] for one in privacy.scan(text))
    if kinds:
        raise ValidationError(label + PRIVATE_IN_TEXT.format(kinds="、".join(kinds)), code="private")


class FreeText(forms.CharField):
    """What people write in their own words: notes and reasons, which stay for long and are read by many."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        refuse_private_numbers(text, str(self.label or "这里"))
        return text


class ScrolledChoices(forms.CheckboxSelectMultiple):
    """Boxes of a long list, each pressed for itself: the list scrolls, and a box above it finds a name."""


class ScrolledChoice(forms.RadioSelect):
    """The same where one is chosen."""


# the code of an error that asks for a tick, or says why not now, and for no other value of any field
NOTHING_TO_CHANGE = "nothing_to_change"


class HouseFormMixin:
    """Mix into any form. `summary_verb` completes 还不能…: 提交, 查, 登录."""

    use_required_attribute = False  # the browser's own bubbles speak another language than the summary
    summary_verb = "提交"
    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            dress(field)
            _name_the_blank(field)
            word_errors(field, str(field.label or name))

    @property
    def summary(self) -> list[Link]:
        """Every error once, in the words that also stand at the field, linked to it."""
        lines = []
        for name, errors in self.errors.items():  # type: ignore[attr-defined]
            bound = self[name] if name in self.fields else None  # type: ignore[index]
            url = f"#{_first_id(bound)}" if bound is not None and not bound.is_hidden else ""
            shown = list(errors)[:1] if bound is not None else list(errors)
            lines += [Link(str(error), url) for error in shown]
        return lines

    @property
    def summary_title(self) -> str:
        told = [one.code for errors in self.errors.as_data().values() for one in errors]  # type: ignore[attr-defined]
        if told and set(told) == {NOTHING_TO_CHANGE}:
            return f"还不能{self.summary_verb}"
        found = len(self.summary)
        wrong = "请改一处" if found == 1 else f"有 {found} 处要改"
        return f"还不能{self.summary_verb}，{wrong}"


def _first_id(bound: forms.BoundField) -> str:
    """Where the link of an error leads: the control, or the first of a group of choices."""
    grouped = isinstance(bound.field.widget, forms.RadioSelect)
    return f"{bound.auto_id}_0" if grouped else bound.id_for_label


class HouseForm(HouseFormMixin, forms.Form):
    pass


class HouseModelForm(HouseFormMixin, forms.ModelForm):
    pass


class YuanField(forms.CharField):
    """Money: text in, exact Decimal out, by the one rule of money.parse_yuan."""

    def __init__(self, *, allow_zero: bool = True, allow_negative: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.allow_zero, self.allow_negative = allow_zero, allow_negative
        self.widget.attrs.setdefault("inputmode", "decimal")
        self.widget.attrs.setdefault("class", "input num")

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        text = super().to_python(value)
        if not text:
            return None
        try:
            return money.parse_yuan(
                text,
                allow_negative=self.allow_negative,
                allow_zero=self.allow_zero,
                name=str(self.label or "金额"),
            )
        except BadInput as wrong:
            raise ValidationError(str(wrong), code="invalid") from wrong

    def prepare_value(self, value: Any) -> Any:
        return money.format_yuan(value) if isinstance(value, Decimal) else value


class QuantityField(forms.CharField):
    """亩, 人, 元 a month: text in, exact Decimal out, by the one rule of numbers.parse_quantity."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs.setdefault("inputmode", "decimal")
        self.widget.attrs.setdefault("class", "input num")

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        text = super().to_python(value)
        if not text:
            return None
        try:
            return numbers.parse_quantity(text, name=str(self.label or "数量"))
        except BadInput as wrong:
            raise ValidationError(str(wrong), code="invalid") from wrong


def dress(field: forms.Field) -> None:
    """Give a field's widget its class; dates get the browser's calendar, numbers a plain box without arrows."""
    widget = field.widget
    if isinstance(widget, _BARE):
        return
    css = "input"
    if isinstance(widget, forms.Select):
        css = "select"
    elif isinstance(widget, forms.Textarea):
        css = "textarea"
        widget.attrs["rows"] = widget.attrs["rows"] if widget.attrs.get("rows") != "10" else "3"
    elif isinstance(widget, forms.DateInput | forms.DateTimeInput):
        _as_calendar(widget)
    elif isinstance(widget, forms.NumberInput):
        # a mouse wheel over type=number changes amounts unseen
        widget.input_type, css = "text", "input num"
        widget.attrs["inputmode"] = "numeric" if isinstance(field, forms.IntegerField) else "decimal"
    widget.attrs.setdefault("class", css)


def _as_calendar(widget: forms.DateInput | forms.DateTimeInput) -> None:
    if isinstance(widget, forms.DateTimeInput):
        widget.input_type, widget.format = "datetime-local", "%Y-%m-%dT%H:%M"
    else:
        widget.input_type, widget.format = "date", "%Y-%m-%d"


def _name_the_blank(field: forms.Field) -> None:
    """A row of dashes says nothing: the empty choice asks to choose, or says that one need not."""
    word = "请选择" if field.required else "不选"
    if isinstance(field, forms.ModelChoiceField):
        if field.empty_label is not None:
            field.empty_label = word
    elif isinstance(field, forms.ChoiceField) and isinstance(field.widget, forms.Select):
        given: list[tuple[Any, Any]] = list(field.choices)  # type: ignore[arg-type]
        field.choices = [(key, word if key in _BLANK and told == _DASHES else told) for key, told in given]


def word_errors(field: forms.Field, label: str) -> None:
    """Replace Django's stock messages by sentences that name the field; messages given by the form stay."""
    stock: dict[str, Any] = {}
    for cls in reversed(type(field).__mro__):
        stock |= getattr(cls, "default_error_messages", {})
    ours = {code: text.format(label=label) for code, text in _PLAIN.items()}
    ours |= {code: text.format(label=label.replace("%", "%%")) for code, text in _FILLED.items()}
    ours["required"] = _required(field, label)
    if invalid := _invalid(field, label):
        ours["invalid"] = invalid
    for code, text in ours.items():
        given = field.error_messages.get(code)
        if given is None or given == stock.get(code):
            field.error_messages[code] = text


def _required(field: forms.Field, label: str) -> str:
    if isinstance(field, forms.BooleanField):
        return f"请先勾选“{label}”"
    chosen = isinstance(field, forms.ChoiceField | forms.ModelChoiceField | forms.FileField)
    return f"请选择{label}" if chosen else f"请填写{label}"


def _invalid(field: forms.Field, label: str) -> str:
    if isinstance(field, forms.DateTimeField):
        return f"{label}要写成 2026-06-18 09:30 这样的时间"
    if isinstance(field, forms.DateField):
        return f"{label}要写成 2026-06-18 这样的日期"
    if isinstance(field, forms.IntegerField):  # DecimalField too
        return f"{label}要填数字"
    if isinstance(field, forms.FileField):
        return f"{label}没有传上来，请再选一次"
    return ""
