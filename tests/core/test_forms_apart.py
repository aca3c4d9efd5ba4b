"""A refused form is filled into the form that it came from: forms of one address on one page are told apart by a mark."""

import re

import pytest

from huimin.core.desk import refilling
from launcher.places import ROOT
from tests.core.test_enter import HARMLESS, SENDS, whole

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
FORM = re.compile(r"<form\b(?P<head>[^>]*)>(?P<body>.*?)</form>", re.DOTALL)
LOOP = re.compile(r"{%\s*for\b(?P<names>.*?)\bin\b|{%\s*endfor\b")
MARKED = re.compile(rf'<input type="hidden" name="{refilling.MARK}" value="({{{{.*?}}}}|\w+)">')
ADDRESS = re.compile(r'\b(?:form)?action="(.*?)"')


def in_loops(text: str, place: int) -> list[str]:
    """The names that the loops around a place go through."""
    names: list[str] = []
    for found in LOOP.finditer(text, 0, place):
        if found["names"] is None:
            names.pop()
        else:
            names.append(found["names"].strip())
    return [one.strip() for group in names for one in group.split(",")]


def to_itself(body: str) -> bool:
    """Whether a form without an address of its own has a button that names none either."""
    return any("formaction" not in one for one in SENDS.findall(body.replace(HARMLESS, "")))


def faults_of(text: str) -> list[str]:
    """Forms that write and would be taken for another one: repeated by a loop, or of one address with an earlier one."""
    text, found, known = whole(text), [], set()
    for form in FORM.finditer(text):
        if 'method="post"' not in form["head"]:
            continue
        address = (ADDRESS.search(form["head"]) or ["", ""])[1] or (
            "the page" if to_itself(form["body"]) else ""
        )
        mark = MARKED.search(form["body"])
        told = address + (mark[1] if mark else "")
        loops = in_loops(text, form.start())
        if any(not re.search(rf"\b{name}\b", told) for name in loops[-1:]) or (told and told in known):
            found.append(" ".join(form["head"].split()))
        known.add(told)
    return found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_no_two_forms_of_a_page_go_to_one_address_without_a_mark(path):
    assert not faults_of(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "faulty"),
    [
        ('{% for a in b %}<form method="post"></form>{% endfor %}', True),
        ('{% for a in b %}<form method="post" action="/{{ a.pk }}/"></form>{% endfor %}', False),
        (
            '{% for a in b %}<form method="post"><input type="hidden" name="form" value="{{ a.pk }}"></form>{% endfor %}',
            False,
        ),
        ('<form method="post" action="/x/"></form><form method="post" action="/x/"></form>', True),
        (
            '<form method="post"><button>存</button></form><form method="post"><button>存</button></form>',
            True,
        ),
        ('<form method="get" action="/x/"></form><form method="post" action="/x/"></form>', False),
        ('{% for a in b %}{% endfor %}<form method="post"></form>', False),
    ],
)
def test_the_look_at_templates_finds_forms_that_are_not_told_apart(text, faulty):
    assert bool(faults_of(text)) is faulty


TWO = "".join(
    f'<form method="post"><input type="hidden" name="form" value="{policy}"><input type="checkbox" name="rosters" '
    f'value="{policy}" checked><input name="bank" value=""><button type="submit">编制</button></form>'
    for policy in ("LY03", "LY04")
)


def test_what_was_typed_comes_back_into_the_second_form_of_its_address():
    html = refilling.fill(TWO, page="/p/", action="/p/", typed={"form": ["LY04"], "bank": ["7"]})
    first, second = html.split("</form>")[:2]
    assert first + "</form>" == TWO[: len(first) + 7]
    assert 'name="bank" value="7"' in second
    assert "checked" not in second


def test_a_form_that_the_page_has_no_more_is_filled_into_no_other():
    assert refilling.fill(TWO, page="/p/", action="/p/", typed={"form": ["LY05"], "bank": ["7"]}) == TWO
    assert refilling.fill(TWO, page="/p/", action="/p/", typed={"bank": ["7"]}) == TWO
