from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.desk.menu import Entry, register

register(
    Entry("发放", "发放批次", "disbursement:batch-list", "grain", Area.ROSTER, 40),
    Entry(
        "发放", "花名册", "disbursement:roster-list", "list", Area.ROSTER, 41, ("/desk/disbursement/lines/",)
    ),
    Entry("发放", "支付申请", "disbursement:order-list", "yuan", Area.ORDER, 42),
    Entry(
        "发放",
        "回盘对账",
        "disbursement:return-list",
        "bank",
        Area.RETURN,
        43,
        ("/desk/disbursement/reversals/",),
    ),
    Entry("发放", "更正发放", "disbursement:correction-list", "swap", Area.ROSTER, 44),
    # whoever opens rosters has the same people under 更正发放
    Entry(
        "发放",
        "没发成功",
        "disbursement:failed-list",
        "swap",
        Area.FAILED,
        44,
        may=lambda user: not scope.reads(user, Area.ROSTER),
    ),
    Entry("发放", "专户账", "disbursement:ledger", "book", Area.LEDGER, 45),
)
