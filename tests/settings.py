"""Settings of the tests: the servers come up and the environment names them, then the house's own are read."""

from tests import servers

servers.begin()

from huimin.settings import *  # noqa: E402, F403
