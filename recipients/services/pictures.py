"""A photograph that is handed in: what it is by its bytes."""

from __future__ import annotations

from huimin.core.errors import BadInput

MOST_BYTES = 10 * 1024 * 1024
_PICTURES = ((b"\xff\xd8\xff", b"\xff\xd9", "image/jpeg", ".jpg"), (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82", "image/png", ".png"))  # fmt: skip


def kind_of(content: bytes, *, field: str) -> tuple[str, str]:
    """Media type and ending of a JPEG or PNG of at most 10 MB; BadInput at the form's field for anything else."""
    if len(content) > MOST_BYTES:
        raise BadInput("照片超过10MB，请压缩后再传。", field=field)
    for head, tail, content_type, ending in _PICTURES:
        if content.startswith(head) and tail in content[-64:]:
            return content_type, ending
    raise BadInput("照片应是 JPG 或 PNG 图片，这个文件不是，或没有传完整。", field=field)
