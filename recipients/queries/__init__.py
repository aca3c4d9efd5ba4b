"""What the room reads beyond one table; it writes nothing and asks no service."""

from huimin.core.desk.places import BLOCK, in_places, place_names, with_places
from recipients.queries.books import not_paid_lines, odd_quantities, was_objected, worth_a_look
from recipients.queries.people import (
    IMPORT_JOB,
    about,
    at_place,
    imports_for,
    matching,
    people_exported_for,
    people_for,
    with_number,
)

__all__ = [
    "BLOCK",
    "IMPORT_JOB",
    "about",
    "at_place",
    "imports_for",
    "in_places",
    "matching",
    "not_paid_lines",
    "odd_quantities",
    "people_exported_for",
    "people_for",
    "place_names",
    "was_objected",
    "with_number",
    "with_places",
    "worth_a_look",
]
