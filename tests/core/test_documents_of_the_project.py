"""What the documents say about the project is true of it."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from huimin.core.authority.roles import Role
from huimin.core.work import glossary_docs, verbs
from huimin.demo import accounts

ROOT = Path(settings.BASE_DIR)
DOCS = ROOT / "docs"
GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")
READMES = ["README.md", "README.zh-CN.md"]


def links(path):
    found = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    return [path.parent / target for target in found if "://" not in target]


@pytest.mark.parametrize(
    "path", [*DOCS.rglob("*.md"), *map(ROOT.joinpath, READMES)], ids=lambda path: path.name
)
def test_every_link_between_documents_leads_somewhere(path):
    assert [str(target) for target in links(path) if not target.exists()] == []


def test_every_document_is_in_the_index():
    listed = {target.resolve() for target in links(DOCS / "README.md")}
    pages = {*DOCS.glob("*.md"), *(DOCS / "recipes").glob("*.md")} - {DOCS / "README.md"}
    assert pages - listed == set()


def test_the_glossary_has_the_tables_that_the_code_has():
    assert glossary_docs.with_tables(GLOSSARY) == GLOSSARY
    for line in (*glossary_docs.statuses(), *glossary_docs.roles()):
        assert line in GLOSSARY
    assert len(list(glossary_docs.roles())) == len(Role) + 2
    assert any("`disbursement.roster` | `issued` 待核对" in line for line in glossary_docs.statuses())


def test_tables_are_renewed_between_their_marks_and_nothing_else_is():
    mark = "<!-- {}: written by manage.py write_workflows -->"
    text = f"before\n{mark.format('roles')}\nold\n<!-- end of roles -->\nafter\n"
    renewed = glossary_docs.with_tables(text)
    assert renewed.startswith("before\n")
    assert renewed.endswith("\nafter\n")
    assert "old" not in renewed
    assert "`village_clerk`" in renewed


@pytest.mark.parametrize("post", accounts._FIXED, ids=lambda post: post.username)
def test_the_glossary_seats_every_role_where_the_demo_does(post):
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in GLOSSARY.splitlines()]
    seats = {row[0]: row[2].split("、") for row in rows if len(row) == 3}
    offices = [name for name in seats if post.office.name.endswith(name)]
    assert any(Role(post.role).label in seats[name] for name in offices), post.office.name


@pytest.mark.parametrize("name", READMES)
def test_the_first_ten_minutes_name_the_accounts_that_are_printed(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    places = [text.find(f"`{username}`") for username, _ in accounts.ONE_PAYMENT]
    assert -1 not in places


def test_the_commands_of_the_readme_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split("## The same steps as commands")[1].split("```")[1]
    named = {part.split()[0] for line in block.strip().splitlines() for part in line.split(" · ")}
    assert named - set(get_commands()) == set()
    assert "disbursement.roster" in verbs.kinds()
