"""The inside of an .xlsx container, inflated by ourselves: what the central directory claims is not believed."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from huimin.core.errors import FileRefused
from huimin.core.sheets.refusals import refused, refused_as_hostile

MAX_UNZIPPED = 512 * 1024 * 1024
MAX_PARTS = 10_000
MAX_RATIO = 400  # text of a sheet packs 10 to 60 times; deflate can reach 1,032
RATIO_FREE = 64 * 1024 * 1024  # below this size a high ratio harms nobody
CHUNK = 1024 * 1024
LOCAL_HEADER = struct.Struct("<4s5H3L2H")

TOO_BIG = "文件解压后过大，已拒收。每个文件不超过20万行、解压后不超过512MB，请拆分后上传。"
BROKEN = "文件不完整（可能上传中断），请重新上传。"
ABNORMAL = "文件内容异常，已拒收并记入安全日志。"
PASSWORD = "文件设置了打开密码，系统无法读取。请取消密码后重新上传。"  # noqa: S105 - a sentence, not a secret


class Container:
    """A zip whose directory has been checked; `parts()` inflates it within the limits."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        try:
            with zipfile.ZipFile(file) as archive:
                self.entries = archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, struct.error):
            raise refused(BROKEN) from None
        self.inflated = 0
        self._check_directory()

    def names(self) -> set[str]:
        """Names of all parts, in lower case as Excel compares them."""
        return {entry.filename.lower() for entry in self.entries}

    def _check_directory(self) -> None:
        if len(self.entries) > MAX_PARTS or sum(entry.file_size for entry in self.entries) > MAX_UNZIPPED:
            raise refused(TOO_BIG)
        if len(self.names()) != len(self.entries):
            raise refused_as_hostile(ABNORMAL, kind="duplicate part name")
        for entry in self.entries:
            if leaves_folder(entry.orig_filename):
                raise refused_as_hostile(ABNORMAL, kind="part name leaves the container")
            if entry.flag_bits & 0x1:
                raise refused(PASSWORD)
            if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise refused_as_hostile(ABNORMAL, kind="unusual compression")

    def parts(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Each part with its content in chunks; a part must be read to its end before the next."""
        for entry in self.entries:
            yield entry.filename, self._inflate(entry)

    def _inflate(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        """Own inflation to the true end of the stream: zipfile stops at the declared size, other readers do not."""
        size = crc = 0
        for chunk in self._raw(entry):
            size += len(chunk)
            self.inflated += len(chunk)
            if self.inflated > MAX_UNZIPPED or size > max(RATIO_FREE, entry.compress_size * MAX_RATIO):
                raise refused(TOO_BIG)
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if size != entry.file_size or crc != entry.CRC:
            raise refused(BROKEN)

    def _raw(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        self.file.seek(self._content_offset(entry))
        inflater = zlib.decompressobj(-15) if entry.compress_type == zipfile.ZIP_DEFLATED else None
        left = entry.compress_size
        while left > 0:
            packed = self.file.read(min(CHUNK, left))
            if not packed:
                raise refused(BROKEN)
            left -= len(packed)
            if inflater is None:
                yield packed
            else:
                yield from _inflated(inflater, packed)
        if inflater is not None and not inflater.eof:
            raise refused(BROKEN)

    def _content_offset(self, entry: zipfile.ZipInfo) -> int:
        self.file.seek(entry.header_offset)
        head = self.file.read(LOCAL_HEADER.size)
        if len(head) != LOCAL_HEADER.size or head[:4] != b"PK\x03\x04":
            raise refused(BROKEN)
        fields = LOCAL_HEADER.unpack(head)
        name_length, extra_length = fields[9], fields[10]
        if self.file.read(name_length) != _name_bytes(entry):
            raise refused_as_hostile(ABNORMAL, kind="two names for one part")
        return entry.header_offset + LOCAL_HEADER.size + int(name_length) + int(extra_length)


def _inflated(inflater: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    while packed:
        try:
            chunk = inflater.decompress(packed, CHUNK)
        except zlib.error:
            raise refused(BROKEN) from None
        packed = inflater.unconsumed_tail
        if inflater.unused_data:
            raise refused_as_hostile(ABNORMAL, kind="data hidden after a part")
        if chunk:
            yield chunk


def _name_bytes(entry: zipfile.ZipInfo) -> bytes:
    encoding = "utf-8" if entry.flag_bits & 0x800 else "cp437"
    return entry.orig_filename.encode(encoding)


def leaves_folder(name: str) -> bool:
    """Whether a part name could write outside its folder when somebody unpacks the file."""
    pieces = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in pieces or "\x00" in name or ":" in pieces[0]


def open_container(file: BinaryIO) -> Container:
    """Open an uploaded zip; raises FileRefused when it is cut, locked or hostile."""
    try:
        return Container(file)
    except (UnicodeError, OSError) as error:
        if isinstance(error, FileRefused):
            raise
        raise refused(BROKEN) from None
