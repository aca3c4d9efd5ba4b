from huimin.core.authority.roles import Area
from huimin.core.desk.menu import Entry, register

register(
    Entry(
        "对象与审核",
        "家庭与个人",
        "recipients:person-list",
        "users",
        Area.REGISTRY,
        30,
        ("/desk/disbursement/people/",),
    ),
    Entry("对象与审核", "导入采集表", "recipients:import-list", "up", Area.REGISTRY, order=31),
    Entry("对象与审核", "账户变更", "recipients:change-list", "card", Area.REGISTRY, order=32),
    Entry("对象与审核", "户主变更", "recipients:head-list", "users", Area.REGISTRY, order=32),
    Entry("对象与审核", "更正身份证号", "recipients:number-list", "users", Area.REGISTRY, order=33),
    Entry("对象与审核", "申报册", "recipients:declaration-list", "file", Area.REVIEW, order=33),
    Entry("对象与审核", "公示", "recipients:notice-list", "board", Area.NOTICE, order=34),
    Entry("对象与审核", "异议", "recipients:objection-list", "chat", Area.NOTICE, order=35),
    Entry("对象与审核", "享受资格", "recipients:entitlement-list", "check", Area.REVIEW, order=36),
)
