"""Printed papers: PDF by typst, QR codes by segno. Templates lie in templates/print/*.typ.

Data go to the template as JSON, never as source text: a name with a bracket or a # stays a name. The same data
give the same bytes.
"""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import segno
import typst
from django.conf import settings

from huimin.core.printing import fonts
from huimin.core.printing.fonts import missing_characters

__all__ = ["TemplateFailed", "missing_characters", "qr_svg", "render_pdf"]


class TemplateFailed(RuntimeError):
    """A print template and its data do not fit: a fault of the program, not of the clerk."""


def render_pdf(template: str, data: dict[str, Any]) -> bytes:
    """The PDF of templates/print/<template>.typ; what each template reads stands at its head.

    Texts are printed as they are; Decimals must have been formatted. A text under the key "qr" is printed as a
    QR code. Characters that no font has are told at the foot of the page. Raises TemplateFailed.
    """
    folder = Path(settings.BASE_DIR) / "templates" / "print"
    path = folder / f"{template}.typ"
    if path.parent != folder or not path.is_file():
        raise TemplateFailed(f"no print template {template}")
    inputs = {"data": json.dumps(data, ensure_ascii=False, default=_refuse)}
    if data.get("qr"):
        inputs["qr"] = qr_svg(str(data["qr"]), namespace=True)
    if missing := fonts.missing_characters(inputs["data"]):
        inputs["missing"] = "、".join(f"U+{ord(letter):04X}" for letter in missing)
    try:
        made = typst.compile(
            str(path),
            root=str(folder),
            font_paths=[str(found) for found in fonts.font_folders()],
            ignore_system_fonts=True,
            sys_inputs=inputs,
            format="pdf",
        )
    except typst.TypstError as error:
        raise TemplateFailed(f"{template}: {error}") from error
    return bytes(made)


def _refuse(value: object) -> str:
    kind = "format amounts as text first" if isinstance(value, Decimal) else "cannot be printed"
    raise TypeError(f"{type(value).__name__}: {kind}")


def qr_svg(text: str, *, namespace: bool = False) -> str:
    """An inline SVG of a QR code, black on nothing, sized by its place on the page.

    A file of its own, as the typesetter wants it, needs the namespace.
    """
    code = segno.make(text, error="m", micro=False)
    out = io.BytesIO()
    code.save(out, kind="svg", xmldecl=False, svgns=namespace, nl=False, omitsize=True, border=2)
    return out.getvalue().decode()
