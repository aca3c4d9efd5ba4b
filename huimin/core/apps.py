from django.apps import AppConfig
from django.db.models.signals import post_migrate  # noqa: TID251 -- Django tells of the end of a migration
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    name = "huimin.core"
    label = "core"
    verbose_name = "基础"

    def ready(self) -> None:
        from huimin.core import checks  # noqa: F401, PLC0415 -- registers the system checks
        from huimin.core.records import guarding  # noqa: PLC0415 -- apps are ready only now

        post_migrate.connect(guarding.harden, sender=self, dispatch_uid="huimin.guarding")

        # every app tells of its steps, to-dos, figures, search, proofs, jobs and menu entries in files of these names
        autodiscover_modules("services", "todos", "figures", "searching", "proofs", "tasks", "menu", "limits")
