"""Files that the people of the story bring along: a registry of invented households, their declaration, a bank's answer."""

import random
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path

from huimin.core.bankformats.registry import get_format
from huimin.core.bankformats.simulator import simulate_return
from huimin.core.sheets.writer import Column, write_rows
from huimin.demo import people
from huimin.demo.people import HouseholdData, Village
from recipients.files.columns import TITLES

SEED = 7
SKIPPED = 300  # generated before ours, so that nobody shares a card or telephone with the seeded county
DECLARATION_TITLES = ("享受人姓名", "享受人身份证号", "收款人姓名", "数量")


def households(village: Village, count: int, *, on: date) -> list[HouseholdData]:
    """Invented families of one village, under household codes that no other list uses."""
    made = people.generate_households(SEED, [village], SKIPPED + count, on=on)
    ours = islice(made, SKIPPED, None)
    return [replace(one, code=f"{village.code}8{number:04d}") for number, one in enumerate(ours, 1)]


def write_sheet(path: Path, titles: tuple[str, ...], rows: list[list[str]]) -> Path:
    with path.open("wb") as file:
        write_rows(file, [Column(title, 20) for title in titles], rows)
    return path


def registry(folder: Path, families: list[HouseholdData], *, on: date) -> Path:
    return write_sheet(folder / "采集表.xlsx", TITLES, list(people.registry_rows(families, on=on)))


def broken_registry(folder: Path, families: list[HouseholdData], *, on: date) -> tuple[Path, list[int]]:
    """The same table with one fault of each kind, and the rows in which an importer must find them."""
    rows, errors = people.bad_rows(list(people.registry_rows(families, on=on)), seed=SEED)
    return write_sheet(folder / "采集表-有错.xlsx", TITLES, rows), [one.row for one in errors]


def declaration(folder: Path, families: list[HouseholdData]) -> Path:
    """Every household's contracted land, for the holder."""
    rows = [[one.holder.name, one.holder.id_number, one.holder.name, str(one.area)] for one in families]
    return write_sheet(folder / "申报册.xlsx", DECLARATION_TITLES, rows)


def bank_answer(folder: Path, payroll: bytes, *, fail_rate: str, seed: int = SEED) -> Path:
    """The answer to a payroll file of the bank that pays in the seeded county."""
    path = folder / f"回盘-{random.Random(payroll).randrange(10**6)}-{seed}.txt"
    answer = simulate_return(payroll, seed=seed, fail_rate=Decimal(fail_rate), bank=get_format("pipe_txt"))
    path.write_bytes(answer)
    return path
