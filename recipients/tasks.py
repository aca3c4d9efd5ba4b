"""Jobs of this app, and the services that steps are taken with: imported once at start, so that both are registered."""

from huimin.core import jobs
from huimin.core.jobs import JobRun
from recipients.services import entitlements, registry_import, review

__all__ = ["entitlements", "import_registry", "review"]  # imported for the steps that they register


@jobs.handler(registry_import.KIND)
def import_registry(run: JobRun) -> None:
    registry_import.run_import(run)
