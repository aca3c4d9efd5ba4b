from huimin.core.menu import Entry, register
from huimin.core.roles import Area

register(Entry("公开", "发放公开", "publicity:desk-list", "board", Area.NOTICE, order=60))
