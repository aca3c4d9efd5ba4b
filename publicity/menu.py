from huimin.core.authority.roles import Area
from huimin.core.desk.menu import Entry, register

register(Entry("公开", "发放公开", "publicity:desk-list", "board", Area.NOTICE, order=60))
