import io
import logging

import pytest

from huimin.core.logs import PrivateFilter

NUMBER = "990101199001011234"


@pytest.fixture
def log():
    """A logger of its own with the filter on its handler, and what it wrote."""
    written, logger = io.StringIO(), logging.getLogger("huimin.trial")
    handler = logging.StreamHandler(written)
    handler.addFilter(PrivateFilter())
    logger.addHandler(handler)
    logger.written = written.getvalue
    yield logger
    logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (f"payee {NUMBER}", ()),
        ("payee %s", (NUMBER,)),
        ("payee %(number)s", ({"number": NUMBER},)),
        ("payee %s", (int(NUMBER),)),
        ("payees %r", ([NUMBER, "13812346617", "6217000000000000000"],)),
        ("too few %s %s", (NUMBER,)),
        (f"wrong %d {NUMBER}", ("x",)),
    ],
)
def test_messages_and_arguments_are_scrubbed(log, message, arguments):
    log.warning(message, *arguments)
    assert log.written().endswith("\n")
    for private in (NUMBER, "13812346617", "6217000000000000000"):
        assert private not in log.written()


def test_tracebacks_are_scrubbed_and_kept(log):
    try:
        raise ValueError(f"no such payee: {NUMBER}")
    except ValueError:
        log.exception("failed")
    assert "ValueError: no such payee: [id]" in log.written()
    assert "Traceback" in log.written()


def test_stacks_are_scrubbed(log):
    record = log.makeRecord("trial", logging.INFO, "f", 1, "m", (), None, sinfo=f"stack {NUMBER}")
    log.handle(record)
    assert "stack [id]" in log.written()


def test_other_messages_pass_unchanged(log):
    log.warning("%s of %d: 100%%", "batch 7", 12)
    assert log.written() == "batch 7 of 12: 100%\n"
