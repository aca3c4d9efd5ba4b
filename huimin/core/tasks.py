from celery import shared_task

from huimin.core import audit, jobs, messages


@shared_task(name="core.run_job", ignore_result=True)
def run_job(job_id: int) -> str:
    return jobs.run(job_id)


@shared_task(name="core.relay_outbox", ignore_result=True)
def relay_outbox() -> int:
    return jobs.relay()


@shared_task(name="core.sweep_jobs", ignore_result=True)
def sweep_jobs() -> int:
    return jobs.sweep()


@shared_task(name="core.seal_audit", ignore_result=True)
def seal_audit() -> int:
    return audit.seal()


@shared_task(name="core.deliver_messages", ignore_result=True)
def deliver_messages() -> int:
    return messages.deliver()


@shared_task(name="core.anchor_audit", ignore_result=True)
def anchor_audit() -> str:
    return audit.anchor()
