"""Files taken in and given out: encrypted where they rest, sha256 over the plain bytes, never changed.

DatabaseStorage keeps the encrypted bytes in PostgreSQL, so that one backup holds everything and every web host
sees the same; any other Django storage (folder, S3) may be named in HUIMIN_FILE_STORAGE.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import Storage, default_storage
from django.db.models import Sum
from django.db.models.functions import Length

from huimin.core import crypto
from huimin.core.models import FileChunk, StoredFile
from huimin.core.values import privacy

if TYPE_CHECKING:
    from huimin.core.models import User

FRAME = 1 << 20  # plain bytes in one encrypted frame
IN_MEMORY = 2 * FRAME  # of what is encrypted; the rest waits in a temporary file
_PURPOSE = "file"


class DatabaseStorage(Storage):
    """Django storage over core_filechunk; names are never reused and contents never change."""

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        chunks = FileChunk.objects.filter(stored_as=name).order_by("number").values_list("data", flat=True)
        kept = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 -- closed by who opened the file
        for chunk in chunks.iterator(chunk_size=1):
            kept.write(chunk)
        kept.seek(0)
        return File(kept, name=name)

    def _save(self, name: str, content: File[bytes]) -> str:
        # one by one: a statement holds its bytes several times over
        for number, chunk in enumerate(content.chunks(FRAME)):
            FileChunk.objects.create(stored_as=name, number=number, data=chunk)
        return name

    def exists(self, name: str) -> bool:
        return FileChunk.objects.filter(stored_as=name).exists()

    def size(self, name: str) -> int:
        total = FileChunk.objects.filter(stored_as=name).aggregate(total=Sum(Length("data")))["total"]
        return int(total or 0)

    def delete(self, name: str) -> None:
        raise PermissionError("files are never deleted")

    def url(self, name: str | None) -> str:
        raise ValueError("files are given out by the page of the object they belong to")


def store(
    content: bytes | IO[bytes],
    *,
    name: str,
    purpose: str,
    content_type: str,
    actor: User | None,
    county_code: str = "",
    division_code: str = "",
) -> StoredFile:
    """Encrypt and keep a file, in the caller's transaction; returns its row with size and sha256 of the plain bytes."""
    source = io.BytesIO(content) if isinstance(content, bytes) else content
    digest, size = hashlib.sha256(), 0
    with SpooledTemporaryFile(max_size=IN_MEMORY) as sealed:
        for number, block in enumerate(iter(lambda: source.read(FRAME), b"")):
            digest.update(block)
            size += len(block)
            sealed.write(_frame(block, number))
        sealed.seek(0)
        stored_as = default_storage.save(f"{purpose}/{uuid4().hex}", File(sealed))
    return StoredFile.objects.create(
        name=privacy.hide(name)[:200],  # people name files after people
        purpose=purpose,
        content_type=content_type,
        size=size,
        sha256=digest.hexdigest(),
        stored_as=stored_as,
        created_by=actor,
        county_code=county_code,
        division_code=division_code,
    )


def read(stored: StoredFile) -> bytes:
    """The plain bytes, checked against their sha256; raises ValueError when they differ."""
    with default_storage.open(stored.stored_as) as file:
        plain = b"".join(_frames(file))
    if hashlib.sha256(plain).hexdigest() != stored.sha256:
        raise ValueError(f"stored file {stored.pk} does not match its digest")
    return plain


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def verify_all() -> Iterable[StoredFile]:
    """Every stored file whose bytes no longer match their digest (for `prove`)."""
    for stored in StoredFile.objects.order_by("created_at").iterator():
        try:
            read(stored)
        except Exception:
            yield stored


def _frame(block: bytes, number: int) -> bytes:
    # the frame's number is under the authentication tag, so frames cannot be swapped
    sealed = crypto.encrypt_bytes(f"{_PURPOSE}:{number}", block)
    return len(sealed).to_bytes(4, "big") + sealed


def _frames(file: IO[bytes]) -> Iterator[bytes]:
    number = 0
    while head := file.read(4):
        yield crypto.decrypt_bytes(f"{_PURPOSE}:{number}", file.read(int.from_bytes(head, "big")))
        number += 1
