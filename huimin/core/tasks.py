import json

from celery import shared_task
from django.core.management import call_command
from django.urls import reverse

from huimin.core.authority.roles import Area
from huimin.core.desk import exports  # noqa: F401 -- registers the job that writes long lists
from huimin.core.records import audit, files, proofs
from huimin.core.work import jobs, messages


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


@shared_task(name="core.forget_old", ignore_result=True)
def forget_old() -> int:
    """Messages delivered long ago, and sessions that have ended."""
    call_command("clearsessions")
    return messages.forget()


@shared_task(name="core.anchor_audit", ignore_result=True)
def anchor_audit() -> str:
    return audit.anchor()


@jobs.handler("core.prove", area=Area.AUDIT)
def prove(run: jobs.JobRun) -> None:
    """Every proof from the beginning; the lines are the job's result file."""
    audit.seal_all()  # so that the unsealed tail is young
    lines: list[dict[str, object]] = []
    for number, proof in enumerate(proofs.run_all(), start=1):
        lines.append({"name": proof.name, "checked": proof.checked, "faults": proof.faults})
        run.progress(number, proofs.registered(), message=proof.name)
        run.stop_if_asked()
    broken = sum(1 for line in lines if line["faults"])
    with run.transaction():
        stored = files.store(
            json.dumps(lines, ensure_ascii=False).encode(),
            name="核对结果.json",
            purpose="proof",
            content_type="application/json",
            actor=run.actor,
            county_code=run.job.county_code,
            division_code=run.job.division_code,
        )
        word = f"{broken} 条不符" if broken else "全部相符"
        run.result(file=stored, url=reverse("core:proof"), message=f"核了 {len(lines)} 条，{word}。")
