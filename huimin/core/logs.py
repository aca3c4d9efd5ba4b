"""Logs without private numbers. Nothing should write them there; this filter is the net below."""

import logging

from huimin.core.values.privacy import scrub

_FORMATTER = logging.Formatter()


class PrivateFilter(logging.Filter):
    """Scrubs the finished message, the traceback and the stack of every record; named in settings, on each handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except (
            Exception
        ):  # arguments that do not fit the format: the handler would print them to stderr unscrubbed
            message = f"{record.msg} (arguments of the log call do not fit)"
        record.msg, record.args = scrub(message), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = _FORMATTER.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = scrub(record.exc_text)
        if record.stack_info:
            record.stack_info = scrub(record.stack_info)
        return True
