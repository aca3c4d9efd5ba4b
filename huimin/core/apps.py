from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    name = "huimin.core"
    label = "core"
    verbose_name = "基础"

    def ready(self) -> None:
        from huimin.core import checks  # noqa: F401, PLC0415 -- registers the system checks

        # higher apps tell the ground floor of their steps, to-dos, figures, search, proofs, jobs and menu entries
        autodiscover_modules("services", "todos", "figures", "searching", "proofs", "tasks", "menu")
