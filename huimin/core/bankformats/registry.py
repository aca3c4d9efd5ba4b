"""Every module of this folder that defines FORMAT is a bank format; nothing else has to be told."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from huimin.core import bankformats
from huimin.core.bankformats.layout import BankFormat
from huimin.core.errors import BadInput


@cache
def all_formats() -> dict[str, BankFormat]:
    """Format code -> format, in the order of the codes."""
    found: dict[str, BankFormat] = {}
    for module in pkgutil.iter_modules(bankformats.__path__):
        declared = getattr(import_module(f"{bankformats.__name__}.{module.name}"), "FORMAT", None)
        if declared is None:
            continue
        if declared.code in found:
            raise ValueError(f"two bank formats have the code {declared.code}")
        found[declared.code] = declared
    return dict(sorted(found.items()))


def get_format(code: str) -> BankFormat:
    """The format with this code; raises BadInput when no file of this folder declares it."""
    try:
        return all_formats()[code]
    except KeyError:
        raise BadInput(f"没有代发文件格式“{code}”，请系统管理员在“机构”里为代发银行重新选择。") from None


def formats_of_return(data: bytes) -> list[BankFormat]:
    """The formats whose returns begin like these bytes; all of them when none does, to hear what is wrong."""
    known = list(all_formats().values())
    return [bank for bank in known if bank.recognises(data)] or known
