"""Rules that hold for the whole house and that no single test would notice."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver

from huimin.core.authority.duties import CONFLICTS
from huimin.core.authority.roles import ROLE_AREAS, Area, Role
from huimin.core.authority.scope import Scoped
from huimin.core.models import DutyConflict
from huimin.core.values.identity import check_digits_ok
from huimin.core.work import workflow_docs
from publicity.rules import STAGE_WORDS
from recipients.states import DECLARATION_FLOW, NOTICE_STATES, DeclarationStatus
from recipients.todos import PLAIN
from subsidies.models import Policy

ROOT = Path(settings.BASE_DIR)
FLOORS = ["core", "subsidies", "recipients", "disbursement", "servicecenter", "supervision", "publicity"]
APPS = ["huimin", *FLOORS[1:]]
CODE = [path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]
# staff pages that nobody signed in may open; whole rooms of the public: PUBLIC_ROOMS
OPEN_NAMES = {"core:login", "core:login-code", "display"}
PUBLIC_ROOMS = {"publicity"}
MACHINE_PREFIXES = ("api/", "back-office/")


def routes(patterns=None, prefix="", namespace=""):
    for one in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            inner = f"{namespace}{one.namespace}:" if one.namespace else namespace
            yield from routes(one.url_patterns, path, inner)
        elif isinstance(one, URLPattern) and not path.startswith(MACHINE_PREFIXES):
            yield namespace + (one.name or path), one.callback


def own_views():
    return [(name, view) for name, view in routes() if name.partition(":")[0] not in PUBLIC_ROOMS]


@pytest.mark.parametrize(
    ("name", "view"), own_views(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_page_is_behind_login_or_on_the_public_list(name, view):
    assert getattr(view, "login_required", True) is (name not in OPEN_NAMES)


@pytest.mark.parametrize(
    ("name", "view"), own_views(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_staff_page_declares_its_area(name, view):
    if name != "display":
        assert getattr(view, "area", None) in {*Area.values, "*", "public"}


def scoped_models():
    return [model for model in apps.get_models() if issubclass(model, Scoped)]


@pytest.mark.parametrize("model", scoped_models(), ids=lambda model: model._meta.label)
def test_every_scoped_model_belongs_to_an_area_that_somebody_reads(model):
    assert model.area in Area.values
    assert any(model.area in areas for areas in ROLE_AREAS.values())
    if model.policy_field:
        model.objects.filter(**{f"{model.policy_field}__in": []})  # the path resolves


def leads_to_a_policy(model, seen=()):
    """Whether a row knows its one policy by foreign keys, its own or those of the scoped rows that it belongs to."""
    for field in model._meta.concrete_fields:
        target = field.related_model
        if target is None or target in seen or target is model:
            continue
        if target is Policy or (issubclass(target, Scoped) and leads_to_a_policy(target, (*seen, model))):
            return True
    return False


# a policy is its own limit (subsidies.models.PolicyQuerySet)
LIMITED = [model for model in scoped_models() if model is not Policy]


@pytest.mark.parametrize("model", LIMITED, ids=lambda model: model._meta.label)
def test_every_scoped_model_with_a_way_to_a_policy_is_limited_by_it(model):
    """A grant may name policies; without policy_field its holder would read rows of all others."""
    assert bool(model.policy_field) is leads_to_a_policy(model)


def test_every_role_has_its_areas():
    assert set(ROLE_AREAS) == set(Role)


@pytest.mark.parametrize("flow", workflow_docs.flows(), ids=lambda flow: flow.kind)
def test_steps_name_roles_and_states_that_exist(flow):
    states = set(workflow_docs.states_of(flow))
    for one in flow.steps:
        assert {*one.sources, one.target} <= states
    for one in flow.acts:
        assert {*one.sources, one.target} <= {*states, ""}
    for one in (*flow.steps, *flow.acts):
        assert one.roles
        assert one.roles <= set(Role)
    names = [one.name for one in (*flow.steps, *flow.acts)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("app", FLOORS[1:])
def test_steps_are_made_in_the_step_tables_alone(app):
    """A step that a view makes for itself is known to no command, no document and no table of roles."""
    made = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / app).rglob("*.py")
        if path.name != "states.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"Step", "step"}
    ]
    assert not [place for place in made if "/migrations/" not in place]


def test_the_workflow_document_is_fresh():
    call_command("write_workflows", "--check")


def test_foreign_keys_point_downwards():
    upwards = []
    for model in apps.get_models():
        app = model._meta.app_label
        if app not in FLOORS:
            continue
        for field in model._meta.get_fields():
            target = field.related_model
            if not field.concrete or target is None or target._meta.app_label not in FLOORS:
                continue
            if FLOORS.index(target._meta.app_label) > FLOORS.index(app):
                upwards.append(f"{model._meta.label}.{field.name}")
    assert not upwards


def test_every_template_is_used():
    templates = sorted((ROOT / "templates").rglob("*.html"))
    # the kit of page builders is documented, and may be ahead of the pages
    kit = ROOT / "docs" / "pages.md"
    text = "\n".join(path.read_text(encoding="utf-8") for path in [*CODE, *templates, kit])
    # error pages are named by their status number
    unused = [
        name
        for path in templates
        if (name := path.relative_to(ROOT / "templates").as_posix()) not in text
        and not name.startswith("errors/")
    ]
    assert not unused


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_under_600_lines_and_functions_under_60(path):
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") < 600
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


def test_no_real_looking_id_number_stands_in_data_or_code():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    found = []
    for name in tracked.splitlines():
        # tests may cite the examples that standards print
        if name.startswith("tests/") or Path(name).suffix not in {
            ".py",
            ".csv",
            ".json",
            ".md",
            ".html",
            ".txt",
            ".typ",
        }:
            continue
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        for number in re.findall(r"(?<![\dA-Za-z])[1-8]\d{5}(?:19|20)\d{9}[\dX](?![\dA-Za-z])", text):
            if check_digits_ok(number):
                found.append(f"{name}: {number[:6]}…")
    assert not found


def test_the_verifier_needs_nothing_but_python():
    script = ROOT / "tools" / "verify_chain.py"
    imported = {
        name.name.partition(".")[0] if isinstance(node, ast.Import) else node.module.partition(".")[0]
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported <= set(sys.stdlib_module_names)


DRIFT = """The table of duties in the database is not duties.CONFLICTS.
Migrations that have run are never edited: write a new one in huimin/core/migrations that inserts what is missing into
core_dutyconflict and deletes what is too much (as the owner, with the way back), as docs/recipes/review-step.md says.
Rows of core_involvement keep the pairs of their day; say in the migration what becomes of business under way."""


@pytest.mark.django_db
def test_the_table_of_duties_in_the_database_is_the_one_in_the_code():
    held = set(DutyConflict.objects.values_list("first", "second"))
    wanted = {(str(first), str(second)) for first, second in CONFLICTS}
    assert held == wanted, f"{DRIFT}\nmissing: {sorted(wanted - held)}\ntoo much: {sorted(held - wanted)}"


# field and column classes of the house's own, which Django writes into migrations by name; no rules and no values
IN_MIGRATIONS = {"huimin.core.fields", "disbursement.models.ledger"}


def test_migrations_import_nothing_that_may_change_under_them():
    """A migration says today what it said on its day."""
    paths = [path for app in APPS for path in (ROOT / app).rglob("migrations/*.py")]
    borrowed = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in paths
        for name in imported_by(path)
        if name.partition(".")[0] in APPS and name not in IN_MIGRATIONS
    ]
    assert len(paths) > len(FLOORS)
    assert not borrowed


def imported_by(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def sources_with(pattern):
    return {
        str(path.relative_to(ROOT)) for path in CODE if re.search(pattern, path.read_text(encoding="utf-8"))
    }


def test_reach_and_the_refusal_of_the_wrong_post_are_said_in_one_place():
    assert sources_with(r"Q\(pk__in=\[\]\)") == {"huimin/core/authority/scope.py"}
    assert sources_with("不归您的岗位") == {"huimin/core/authority/posts.py"}


def test_a_town_is_found_from_its_village_in_one_place():
    assert sources_with(r'\[:9\] \+ "000"') == {"huimin/core/authority/scope.py"}


def test_business_time_is_read_from_the_business_clock():
    """Rows that the business dates; the machine's own time is for machinery: leases, messages, sign-in, password age."""
    machinery = {
        "views/jobs",
        "views/desk",
        "work/jobs",
        "work/messages",
        "models/work",
        "accounts/auth",
        "accounts/queries",
    }
    machinery |= {"accounts/credentials", "accounts/services"}
    allowed = {f"huimin/core/{name}.py" for name in machinery} | {"huimin/demo/accounts.py"}
    assert sources_with(r"timezone\.now\(\)|date\.today\(\)|datetime\.now\(") <= allowed


def words_of_pages():
    """Every word that could be a class: in tags of templates, texts in the code, scripts; and beginnings of composed ones."""
    tags = [
        tag
        for path in (ROOT / "templates").rglob("*.html")
        for tag in re.findall(r"<[^>]*>|{%.*?%}", path.read_text(encoding="utf-8"), flags=re.S)
    ]
    texts = [
        node.value
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "static/js").glob("*.js")]
    words = {word for text in (*tags, *texts) for word in re.findall(r"[\w-]+", text)}
    return words, {begin for text in (*tags, *texts) for begin in re.findall(r"([\w-]+--|is-)\{", text)}


def test_every_class_and_icon_is_used():
    words, begins = words_of_pages()
    found = set()
    for path in (ROOT / "static/css").glob("*.css"):
        text = re.sub(r"/\*.*?\*/|url\([^)]*\)", "", path.read_text(encoding="utf-8"), flags=re.S)
        for selector in re.findall(r"([^{}]+)\{", text):
            found |= set(re.findall(r"\.([a-zA-Z_][\w-]*)", selector))
    composed = {
        name for name in found for begin in begins if name.startswith(begin) and name[len(begin) :] in words
    }
    assert len(found) > 150
    assert found - words - composed == set()
    icons = (ROOT / "templates/partials/icons.svg").read_text(encoding="utf-8")
    assert set(re.findall(r'id="i-([\w-]+)"', icons)) - words == set()


def test_every_level_of_review_has_words_for_the_villager_and_a_line_among_the_things_to_do():
    running = set(DeclarationStatus) - {DeclarationStatus.CONFIRMED, DeclarationStatus.WITHDRAWN}
    listed = {source for name, _, _ in PLAIN for source in DECLARATION_FLOW[name].sources}
    assert set(STAGE_WORDS) == running
    assert listed | set(NOTICE_STATES) | {DeclarationStatus.COUNTY_REVIEW} == running
