"""Settings of the tests: the servers come up and the environment names them, then the house's own are read."""

from tests import servers

servers.begin()

from huimin.settings import *  # noqa: E402, F403
from huimin.settings import STATIC_ROOT  # noqa: E402

STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns of a folder that is not there
