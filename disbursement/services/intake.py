"""Handing in a return file: a small one is taken in at once, a large one is kept and taken in by a job.

Both go through `accept_return`; the job only stands before it, so that nobody's page waits for 200,000 lines.
"""

from __future__ import annotations

import hashlib
from typing import IO, TYPE_CHECKING

from django.db import transaction
from django.urls import resolve, reverse

from disbursement.models import ReturnFile
from disbursement.services.orders import LINES_AT_ONCE
from disbursement.services.returns import TAKEN, Intake, accept_return, place_of_uploader, taken_before
from huimin.core.authority import scope
from huimin.core.models import Job, StoredFile
from huimin.core.records import files
from huimin.core.work import jobs
from huimin.core.work.jobs import JobRun

if TYPE_CHECKING:
    from huimin.core.models import User

TAKE = "disbursement.take_return"
# how many lines there are is known only when they have been read; in every format of ours one takes about 60 bytes
BYTES_AT_ONCE = 60 * LINES_AT_ONCE
_PURPOSE = "return_file"


def hand_in_return(file: IO[bytes], name: str, *, size: int, actor: User) -> Intake | Job:
    """Take a bank's answer in; of a large one (over about 5,000 lines) the job that does it, whose page tells the end.

    Raises FileRefused with every fault of a small one; of a large one they are told by the job.
    """
    place = place_of_uploader(actor)
    if size <= BYTES_AT_ONCE:
        return accept_return(file.read(), name, actor=actor)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return taken_before(actor, sha256=sha256) or _by_job(file, name, sha256=sha256, place=place, actor=actor)


@transaction.atomic
def _by_job(file: IO[bytes], name: str, *, sha256: str, place: str, actor: User) -> Job:
    """The same bytes by the same person are one job while it is under way, and are kept once."""
    begun = f"{TAKE}:{actor.pk}:{sha256}:"
    earlier = list(
        Job.objects.filter(key__startswith=begun)
    )  # asked once: the next number follows from what is seen
    if under_way := next((one for one in earlier if not one.is_finished), None):
        return under_way
    stored = StoredFile.objects.filter(purpose=_PURPOSE, sha256=sha256, created_by=actor).first()
    county = scope.county_of(place) or place
    stored = stored or files.store(
        file,
        name=name.rpartition("/")[2].rpartition("\\")[2] or "return",
        purpose=_PURPOSE,
        content_type="application/octet-stream",
        actor=actor,
        division_code=place,
        county_code=county,
    )
    job = jobs.submit(
        TAKE,
        title=f"收回盘：{stored.name}",
        key=f"{begun}{len(earlier)}",
        actor=actor,
        payload={"file": str(stored.pk)},
        division_code=place,
        county_code=county,
    )
    if job.payload["file"] != str(stored.pk):
        transaction.set_rollback(True)  # a second click was quicker; its copy is the one that is kept
    return job


@jobs.handler(TAKE, is_whole=True)
def _take_job(run: JobRun) -> None:
    """One transaction for the whole file: a rerun after a kill finds either nothing or everything done."""
    stored = StoredFile.objects.get(pk=run.payload["file"])
    run.progress(0, message="正在校验，整份一起收")
    with run.transaction():
        taken = accept_return(files.read(stored), stored.name, actor=run.actor, stored=stored)
    found = taken.return_file
    # taken in by this very job before it was interrupted, it is no repeat
    words = TAKEN if found.file_id == stored.pk else taken.message
    run.progress(found.line_count, found.line_count, words)
    run.result(url=reverse("disbursement:return-detail", args=[found.pk]))


def taken_by(job: Job) -> Intake:
    """What a job of this kind that is done took in, in the words of `accept_return`."""
    found = ReturnFile.objects.get(pk=resolve(job.result_url).kwargs["pk"])
    return Intake(found, str(found.file_id) != job.payload["file"], job.message)
