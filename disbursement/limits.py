"""What hinders acts of the rooms below, for their pages; the database refuses them by itself (models.records)."""

from __future__ import annotations

from django.db.models import Q

from disbursement.models import PaymentLine
from recipients.models import Person
from recipients.queries import in_use


@in_use.source
def listed(person: Person) -> bool:
    """Money was listed under this record, or of the household's to its card, by any version of any list."""
    at_home = Person.objects.filter(household=person.household_id).values(
        "pk"
    )  # whoever is paid is of the household
    lines = PaymentLine.objects.filter(beneficiary_id__in=at_home)
    return lines.filter(Q(beneficiary_id=person.pk) | Q(payee_id=person.pk)).exists()
