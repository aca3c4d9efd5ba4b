from subsidies.models.indicators import Indicator, IndicatorMove, IndicatorPolicy
from subsidies.models.policies import (
    JointParty,
    Policy,
    PolicyChange,
    PolicyQuerySet,
    PolicyVersion,
    ShowsNames,
    StopRule,
    own_county_and_below,
)
from subsidies.models.rounds import PaymentRound, PaymentRoundQuerySet, of_its_round
from subsidies.models.terms import of_its_version

__all__ = [
    "Indicator",
    "IndicatorMove",
    "IndicatorPolicy",
    "JointParty",
    "PaymentRound",
    "PaymentRoundQuerySet",
    "Policy",
    "PolicyChange",
    "PolicyQuerySet",
    "PolicyVersion",
    "ShowsNames",
    "StopRule",
    "of_its_round",
    "of_its_version",
    "own_county_and_below",
]
