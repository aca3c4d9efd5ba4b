from huimin.core.menu import Entry, register
from huimin.core.roles import Area

register(
    Entry("政策与资金", "政策清单", "subsidies:policy-list", "book", Area.POLICY, order=10),
    Entry("政策与资金", "指标与资金", "subsidies:indicator-list", "yuan", Area.INDICATOR, order=11),
)
