"""What hinders acts of the rooms below, for their pages; the database refuses them by itself (models.records)."""

from __future__ import annotations

from disbursement.models import PaymentLine
from recipients.models import Person
from recipients.queries import in_use


@in_use.source
def listed(person: Person) -> bool:
    """Money was listed under this record, by any version of any list."""
    return PaymentLine.objects.filter(beneficiary_id=person.pk).exists()
