"""Policies and indicators made the way people make them: by the services, each step by its own person."""

from datetime import date
from decimal import Decimal
from itertools import count

from huimin.core.authority.roles import Role
from subsidies import services
from tests.factories import COUNTY, DepartmentFactory, UserFactory, county

_serials = count(1)
FLAT = {
    "op": "mul",
    "args": [
        {"op": "fact", "name": "quantity", "label": "面积", "unit": "亩"},
        {"op": "const", "value": "86.90"},
    ],
}


def people():
    """Clerk and checker of the county's finance office."""
    county()
    return UserFactory(role=Role.FINANCE_CLERK), UserFactory(role=Role.FINANCE_CHECKER)


def policy_facts(**changes):
    serial = next(_serials)
    facts = {
        "code": f"XX{serial:02d}",
        "name": f"示例补贴{serial}",
        "short_name": "示例补贴",
        "level": "central",
        "department": DepartmentFactory(),
        "object_type": "household",
        "unit": "元/亩·年",
        "frequency": "yearly",
        "basis": "财农〔2016〕26号",
        "payment_remark": "示例补贴",
    }
    return facts | changes


def version_facts(**changes):
    facts = {
        "valid_from": date(2026, 1, 1),
        "amount_rule": FLAT,
        "standard_text": "86.90 元/亩",
        "quantity_label": "面积",
        "joint_parties": ["department", "finance"],
    }
    return facts | changes


def draft(clerk, *, version=True, **changes):
    policy = services.draft_policy(COUNTY, actor=clerk, **policy_facts(**changes))
    if version:
        services.add_version(policy, actor=clerk, **version_facts(**(version if version is not True else {})))
    return policy


def published(clerk, checker, **changes):
    policy = draft(clerk, **changes)
    services.advance_policy(policy.pk, "submit", actor=clerk)
    return services.advance_policy(policy.pk, "publish", actor=checker)


def indicator(clerk, checker=None, *, issued="1000.00", policy=None, priority=1, **changes):
    """Registered by the clerk; confirmed when a checker is given; attached when a policy is given."""
    serial = next(_serials)
    facts = {
        "document_number": f"皖财农〔2026〕{serial}号",
        "name": "地力补贴资金",
        "source": "earmarked",
        "year": 2026,
        "issued": Decimal(issued),
    }
    made = services.register_indicator(COUNTY, actor=clerk, **facts | changes)
    if checker:
        made = services.advance_indicator(made.pk, "confirm", actor=checker)
    if policy:
        services.attach_indicator(made, policy=policy, priority=priority, actor=clerk)
    return made
