from huimin.core.authority.roles import Area
from huimin.core.desk.menu import Entry, register

register(
    Entry("政策与资金", "政策清单", "subsidies:policy-list", "book", Area.POLICY, order=10),
    Entry("政策与资金", "指标与资金", "subsidies:indicator-list", "yuan", Area.INDICATOR, order=11),
)
