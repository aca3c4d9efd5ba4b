import logging


class PrivateFilter(logging.Filter):
    """Replaced by the leaf branch."""
