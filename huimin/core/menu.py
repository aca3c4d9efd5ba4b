from django.conf import settings

from huimin.core.accounts.auth import keeps_reference
from huimin.core.authority.roles import Area
from huimin.core.desk.menu import Entry, register

register(
    Entry("工作", "工作台", "core:workbench", "home", order=1),
    Entry("工作", "消息", "core:inbox", "bell", order=2),
    Entry("工作", "后台任务", "core:jobs", "clock", order=3),
    Entry("系统", "审计日志", "core:audit", "list", Area.AUDIT, order=80),
    Entry("系统", "人员与授权", "core:staff", "users", Area.STAFF, order=81),
    Entry("系统", "相符证明", "core:proof", "check", Area.AUDIT, order=82),
)
if settings.BACK_OFFICE:
    register(Entry("系统", "基础表", "admin:index", "gear", Area.REFERENCE, order=83, may=keeps_reference))
