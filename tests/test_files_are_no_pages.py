"""Addresses that answer with a file are no pages: the walks that look at every page, and take its picture, leave them out.

Some of them show what is private, and leave a row on the trail whenever they are opened.
"""

import inspect
import re

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.e2e.walk import NOT_PAGES

GIVES_A_FILE = re.compile(
    r"\b(?:download|workbook|StreamingHttpResponse|FileResponse|hand_out)\(|content_type="
)
GROUP = re.compile(r"\(\?P<\w+>([^)|]*)[^)]*\)")  # of an address that is a regular expression
PARAMETER = re.compile(r"<[^>]*>|\\d\{[\d,]+\}")


def addresses(patterns=None, prefix=""):
    for one in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, path)
        elif isinstance(one, URLPattern) and not path.startswith(("api/", "back-office/")):
            plain = PARAMETER.sub("7", GROUP.sub(r"\1", path)).replace("\\.", ".").strip("^$")
            yield f"/{plain}", one.callback


FILES = [
    path
    for path, view in addresses()
    if inspect.isfunction(view) and GIVES_A_FILE.search(inspect.getsource(inspect.unwrap(view)))
]


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_not_taken_for_a_page(path):
    assert NOT_PAGES.search(path)


def test_the_photograph_of_a_change_of_head_is_among_the_files():
    assert "/desk/recipients/heads/7/proof/" in FILES
    assert not NOT_PAGES.search("/desk/proof/")
