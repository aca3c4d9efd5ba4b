from huimin.core.work import jobs
from huimin.core.work.jobs import JobRun
from recipients.services import registry_import


@jobs.handler(registry_import.KIND)
def import_registry(run: JobRun) -> None:
    registry_import.run_import(run)
