"""Enter in a one-line box presses the first button of its form: with several acts that is none of them."""

import re

import pytest

from launcher.places import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
FORM = re.compile(r"<form\b(?P<head>[^>]*)>(?P<body>.*?)</form>", re.DOTALL)
INCLUDE = re.compile(r'{%\s*include\s+"([^"]+)"[^%]*%}')
LOOP = re.compile(r"{%\s*for\b.*?{%\s*endfor\s*%}", re.DOTALL)
# what sends a form: a button without a type too
SENDS = re.compile(r'<button\b(?![^>]*\btype="(?:button|reset)")[^>]*>|<input\b[^>]*\btype="submit"[^>]*>')
HARMLESS = '<button type="submit" disabled hidden></button>'


def whole(text: str) -> str:
    """A template with what it includes, without its remarks and with the tags inside its tags left out."""
    text = re.sub(r"{%\s*comment\s*%}.*?{%\s*endcomment\s*%}", "", text, flags=re.DOTALL)
    return INCLUDE.sub(lambda found: whole((ROOT / "templates" / found[1]).read_text(encoding="utf-8")), text)


def several_acts(body: str) -> bool:
    looped = any(SENDS.search(loop) for loop in LOOP.findall(body))
    return looped or len(SENDS.findall(body.replace(HARMLESS, ""))) > 1


def faults_of(text: str) -> list[str]:
    """Forms that write, have several buttons, and whose first button does something."""
    found = []
    for form in FORM.finditer(whole(text)):
        body = form["body"]
        if 'method="post"' not in form["head"] or not several_acts(body):
            continue
        first = SENDS.search(body)
        if first is None or first[0] != HARMLESS.removesuffix("</button>"):
            found.append(" ".join(form["head"].split()))
    return found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_no_form_with_several_acts_lets_enter_choose_one(path):
    assert not faults_of(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("form", "faulty"),
    [
        ('<form method="post"><button type="submit">通过</button></form>', False),
        ('<form method="post"><button type="submit">通过</button><button>退回</button></form>', True),
        (
            '<form method="post">{% for a in b %}<button type="submit">{{ a }}</button>{% endfor %}</form>',
            True,
        ),
        (f'<form method="post">{HARMLESS}<button>通过</button><button>退回</button></form>', False),
        (f'<form method="post"><button>通过</button>{HARMLESS}<button>退回</button></form>', True),
        ('<form method="get"><button>查</button><button>清</button></form>', False),
    ],
)
def test_the_walk_finds_what_it_looks_for(form, faulty):
    assert bool(faults_of(form)) is faulty
