"""惠民直达 基础表: the back office for the reference tables, for system administrators only, everything on the trail."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import quote

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from import_export import widgets
from import_export.admin import ImportExportModelAdmin
from import_export.resources import ModelResource, modelresource_factory

from huimin.core import reference
from huimin.core.accounts import auth
from huimin.core.bankformats.registry import all_formats
from huimin.core.models import BankBranch, CalendarDay, Department, Division, Office, User
from huimin.core.records import audit


class BackOffice(admin.AdminSite):
    """Django's admin with the house's own login; nobody else than system administrators comes in.

    Its list of tables is ours (templates/admin/app_list.html): the framework's has headings without a translation.
    """

    site_header = site_title = "惠民直达 基础表"
    index_title = "基础表"
    site_url = "/desk/"

    def has_permission(self, request: HttpRequest) -> bool:
        """A system administrator of the whole county with a one-time code just given: offices decide where grants reach."""
        user = request.user
        return isinstance(user, User) and auth.keeps_reference(user) and auth.is_stepped_up(request)

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The house's login page, with its lock-out and one-time code; a signed-in stranger sees the workbench."""
        user = request.user
        if isinstance(user, User):
            if not auth.keeps_reference(user):
                return redirect("core:workbench")
            messages.info(request, "“基础表”要先输入动态口令，10 分钟内有效。")
            return redirect(f"{reverse('core:step-up')}?next={quote(reverse('admin:index'))}")
        return redirect(f"{reverse('core:login')}?next={reverse('admin:index')}")


class YesNo(widgets.BooleanWidget):
    """The library takes every word that it does not know for no."""

    WORDS: ClassVar = {"1": True, "true": True, "是": True, "0": False, "false": False, "否": False}

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool:
        found = self.WORDS.get(str(value).strip().lower())
        if found is None:
            raise ValueError(f"“{value}”应为 1（是）或 0（否）")
        return found


class Day(widgets.DateWidget):
    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        try:
            return super().clean(value, row, **kwargs)
        except ValueError:
            raise ValueError(f"日期“{value}”应写成 2026-10-01") from None


class Reference(widgets.ForeignKeyWidget):
    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        try:
            return super().clean(value, row, **kwargs)
        except (self.model.DoesNotExist, ValueError):
            raise ValueError(f"{self.model._meta.verbose_name}里没有“{value}”") from None


class TracedResource(ModelResource):
    """An import is one transaction, all rows or none, and leaves one event with its counts."""

    class Meta:
        use_transactions = True
        skip_unchanged = True
        report_skipped = False

    @classmethod
    def widget_from_django_field(cls, field: Any, default: Any = widgets.Widget) -> Any:
        if isinstance(field, models.BooleanField):
            return YesNo
        if type(field) is models.DateField:
            return Day
        return super().widget_from_django_field(field, default)

    @classmethod
    def get_fk_widget(cls, field: Any) -> Any:
        return partial(Reference, model=field.remote_field.model, key_is_id=True)

    def import_data(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        """A file without its columns is refused in one sentence; else the library answers in its own language."""
        missing = [name for name in self._meta.fields if name not in (dataset.headers or ())]
        if not missing:
            return super().import_data(dataset, *args, **kwargs)
        refused = self.get_result_class()()
        refused.append_base_error(
            self.get_error_result_class()(
                ValueError(f"第一行应为列名：{'、'.join(self._meta.fields)}；缺 {'、'.join(missing)}。")
            )
        )
        return refused

    def after_import(self, dataset: Any, result: Any, **kwargs: Any) -> None:
        if kwargs.get("dry_run") or result.has_errors():
            return
        totals = {kind: count for kind, count in result.totals.items() if count}
        audit.record(
            self._meta.model._meta.label_lower,
            action="reference.import",
            actor=kwargs.get("user"),
            label=f"导入{self._meta.model._meta.verbose_name}",
            detail=totals,
        )


class TracedBanks(TracedResource):
    """Offices and branches: what is refused one by one is refused in a file, and the trial run tells what it would do."""

    def before_save_instance(self, instance: Any, row: Any, **kwargs: Any) -> None:
        try:
            instance.clean()
        except ValidationError as wrong:
            raise ValueError("；".join(wrong.messages)) from None

    def after_import(self, dataset: Any, result: Any, **kwargs: Any) -> None:
        super().after_import(dataset, result, **kwargs)
        if result.has_errors():
            return
        if not kwargs.get("dry_run"):
            reference.banks_changed(actor=kwargs["user"])
        elif request := kwargs.get("request"):
            for words in reference.effects_now():
                messages.warning(request, f"导入以后：{words}")


class TracedAdmin(ImportExportModelAdmin):
    """Every change writes an audit event in its own transaction, beside Django's own log."""

    import_id_fields: tuple[str, ...] = ("id",)
    list_per_page = 50
    import_template_name = "admin/reference_import.html"
    resource_fields: tuple[str, ...] = ()
    names_banks = False  # accounts are at the banks that such a table names

    def get_resource_classes(self, request: HttpRequest) -> list[type[ModelResource]]:
        meta = {"import_id_fields": list(self.import_id_fields), "fields": self.resource_fields}
        resource = TracedBanks if self.names_banks else TracedResource
        return [modelresource_factory(self.model, resource, meta_options=meta)]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """How much still stands on a row is counted, not listed: a bank has hundreds of thousands of accounts."""
        used = [
            f"{obj}：{found.related_model._meta.verbose_name} {count} 条"
            for obj in objs
            for found in self.opts.get_fields(include_hidden=True)
            if isinstance(found, models.ForeignObjectRel)
            and found.on_delete is models.PROTECT
            and (count := models.QuerySet(found.related_model).filter(**{found.field.name: obj}).count())
        ]
        return ([], {}, set(), used) if used else super().get_deleted_objects(objs, request)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        self._trace(request, obj, "reference.add", "新增")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        self._trace(request, obj, "reference.change", "修改", message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._trace(request, obj, "reference.delete", "删除")
        return super().log_deletions(request, queryset)

    def _trace(self, request: HttpRequest, obj: Any, action: str, word: str, message: Any = None) -> None:
        fields = [name for one in message or [] for name in one.get("changed", {}).get("fields", [])]
        audit.record(
            obj,
            action=action,
            actor=request.user,  # type: ignore[arg-type]
            label=f"{word}{obj._meta.verbose_name}",
            detail={"name": str(obj), "fields": fields},
        )
        if self.names_bank(obj, fields):
            reference.banks_changed(actor=request.user)  # type: ignore[arg-type]

    def names_bank(self, obj: Any, changed: list[str]) -> bool:
        """Whether accounts are at the bank that this row names or named."""
        return self.names_banks


class DivisionAdmin(TracedAdmin):
    import_id_fields = ("code",)
    resource_fields = ("code", "name", "level", "parent", "valid_from", "valid_to")
    list_display = ("code", "name", "level", "parent", "valid_from", "valid_to")
    list_filter = ("level",)
    search_fields = ("code", "name")
    raw_id_fields = ("parent",)
    list_select_related = ("parent",)


class DepartmentAdmin(TracedAdmin):
    import_id_fields = ("code", "county")
    resource_fields = ("county", "code", "name", "phone")
    list_display = ("code", "name", "county", "phone")
    search_fields = ("code", "name")
    raw_id_fields = ("county",)
    list_select_related = ("county",)


class ForeseenForm(forms.ModelForm):  # type: ignore[type-arg]
    """For rows that say at which bank accounts are: what a change does to them is shown, and saved once that was seen."""

    NAMING: tuple[str, ...] = ()  # the fields that say it
    foreseen = forms.CharField(required=False, widget=forms.HiddenInput)
    confirmed = forms.BooleanField(
        required=False,
        label="已看过账户的变化，照此保存",
        help_text="改动影响账户的代发银行时，第一次保存先列出影响几个账户，看过再勾选、再保存。",
    )

    @property
    def changed_data(self) -> list[str]:
        """Without what is asked beside the row."""
        return [name for name in super().changed_data if name not in {"foreseen", "confirmed"}]

    def names_bank(self) -> bool:
        return not set(self.NAMING).isdisjoint(self.changed_data)

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors or not self.names_bank():
            return
        words = reference.foresee(self.instance)
        shown = sha256("".join(words).encode()).hexdigest()[:16]
        if not words or (self.cleaned_data.get("confirmed") and self.cleaned_data.get("foreseen") == shown):
            return
        # the page shows the box empty again, and remembers what it shows
        self.data = {**dict(self.data.items()), "foreseen": shown, "confirmed": ""}
        self.add_error("confirmed", ["还没有保存。保存以后：", *words, "看过没有错，勾选这一项再保存。"])


class OfficeForm(ForeseenForm):
    """The format of a bank is chosen among the files of huimin/core/bankformats."""

    NAMING = ("name", "kind", "division", "bank_format", "bank_names")
    bank_format = forms.ChoiceField(
        label="代发文件格式",
        required=False,
        choices=lambda: [("", "—"), *((one.code, one.label) for one in all_formats().values())],
        help_text="只有代发银行才填；改了以后，新编制的支付申请用新格式，已编制的不变。",
    )
    bank_names = forms.CharField(
        label="行名写法",
        max_length=200,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="只有代发银行才填：采集表的开户银行、银行网点表的银行里怎么写这家银行，一行一个，或用顿号、逗号隔开，"
        "如 金寨农商行、金寨农村商业银行。账户凭它（和银行全称）认定在哪家代发银行；两家银行不能写成一样。",
    )

    class Meta:
        model = Office
        fields = ("name", "kind", "division", "department", "phone", "bank_format", "bank_names")

    def names_bank(self) -> bool:
        """An office that neither is nor was a bank names none."""
        kinds = {self.instance.kind, self.initial.get("kind")}
        return Office.Kind.BANK in kinds and super().names_bank()


class BankBranchForm(ForeseenForm):
    NAMING = ("code", "name", "bank")

    class Meta:
        model = BankBranch
        fields = ("code", "name", "bank")


class OfficeAdmin(TracedAdmin):
    import_id_fields = ("name", "division")
    form = OfficeForm
    names_banks = True
    resource_fields = ("name", "kind", "division", "department", "phone", "bank_format", "bank_names")
    list_display = ("name", "kind", "division", "department", "phone", "bank_format")
    list_filter = ("kind",)
    search_fields = ("name",)
    raw_id_fields = ("division",)
    list_select_related = ("division", "department")

    def names_bank(self, obj: Any, changed: list[str]) -> bool:
        return obj.kind == Office.Kind.BANK or OfficeForm.base_fields["kind"].label in changed


class BankBranchAdmin(TracedAdmin):
    import_id_fields = ("code",)
    form = BankBranchForm
    names_banks = True
    resource_fields = ("code", "name", "bank")
    list_display = ("code", "name", "bank")
    list_filter = ("bank",)
    search_fields = ("code", "name")


class CalendarDayAdmin(TracedAdmin):
    import_id_fields = ("day",)
    resource_fields = ("day", "is_workday", "name")
    list_display = ("day", "is_workday", "name")
    list_filter = ("is_workday",)
    date_hierarchy = "day"


back_office = BackOffice(name="admin")
back_office.register(Division, DivisionAdmin)
back_office.register(Department, DepartmentAdmin)
back_office.register(Office, OfficeAdmin)
back_office.register(BankBranch, BankBranchAdmin)
back_office.register(CalendarDay, CalendarDayAdmin)
