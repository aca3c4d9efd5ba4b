"""Printed papers: whole, alike for the same data, and honest about characters that no font has."""

import re
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from huimin.core.printing import documents, fonts
from huimin.core.printing.documents import TemplateFailed, missing_characters, qr_svg, render_pdf

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def project_folder(monkeypatch):
    """These tests also run without configured settings."""

    class Folder:
        BASE_DIR = PROJECT

    monkeypatch.setattr(documents, "settings", Folder)
    monkeypatch.setattr(fonts, "settings", Folder)


def poster(count=386, **changes):
    rows = [[str(n), "张伟", "6.07", "682.69"] for n in range(1, count + 1)]
    data = {
        "village": "余岭村",
        "title": "余岭村2026年耕地地力保护补贴到户名单",
        "policy": "耕地地力保护补贴",
        "basis": "示例〔2026〕12号",
        "standard": "每亩112.47元",
        "start": "2026年6月4日",
        "end": "2026年6月10日",
        "days": "7天",
        "text": "现将名单公示，请大家监督。",
        "columns": ["序号", "户主", "面积（亩）", "金额（元）"],
        "rows": rows,
        "pages": [{"quantity": "619.14", "amount": "69,634.38"} for _ in range(0, count, 102)],
        "counted_in": "户",
        "paid_to": "户主",
        "total_households": str(count),
        "total_quantity": "2,343.02",
        "total_amount": "263,518.34",
        "quantity_unit": {"name": "面积", "unit": "亩"},
        "objections": [{"who": "县纪委监委举报电话", "phone": "12388"}] * 4,
        "notice_to": "有异议，公示期内可口头、电话、书面提出，可不留姓名：",
        "whole": "全村",
        "committee": "村民委员会",
        "issuer": "余岭村村民委员会",
        "issued_on": "2026年6月4日",
        "number": "GS-2026-0417-01",
        "version": "第4版",
        "code": "7F3A-91C2",
        "qr": "https://example.org/verify/7F3A-91C2",
    }
    return data | changes


ORDER = {
    "title": "支付申请单",
    "number": "ZF-2026-0031",
    "date": "2026年6月19日",
    "payer": "县财政局",
    "payer_account": "惠民资金专户（尾号0417）",
    "payee_bank": "县农村商业银行",
    "purpose": "发放补贴",
    "policy": "耕地地力保护补贴",
    "period": "2026年",
    "count": "4,526",
    "total": "1,932,173.10",
    "total_words": "壹佰玖拾叁万贰仟壹佰柒拾叁元壹角整",
    "indicators": [{"number": "示例〔2026〕8号", "name": "中央资金", "amount": "1,932,173.10"}],
    "rosters": [{"town": "梅山镇", "count": "4,526", "amount": "1,932,173.10"}],
    "digest": "9f2c…71be",
    "signers": ["申请人", "财政复核", "国库股负责人", "分管领导"],
}


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


@pytest.mark.parametrize(("households", "expected"), [(0, 1), (1, 1), (102, 1), (103, 2), (386, 4)])
def test_a_poster_has_102_households_a_page(households, expected):
    assert pages(render_pdf("notice_poster", poster(households))) == expected


def test_a_poster_with_long_words_still_fits_its_page():
    data = poster(
        102,
        text="现将名单公示，请大家监督。" * 12,
        basis="示例〔2026〕12号、示例〔2026〕13号、示例〔2025〕7号",
    )
    data["rows"][0][1] = "阿卜杜热合曼·买买提依明·艾力"
    assert pages(render_pdf("notice_poster", data)) == 1


LONG = "阿卜杜热合曼江买买提依明艾合麦提托合提居麦尼亚孜库尔班吾斯"
_MATRIX = re.compile(r"(?:matrix\(1 0 0 -?1|translate\() ?([-\d.]+) ([-\d.]+)\)")
ROW = 7.2 / 25.4 * 72  # points


def drawn(data):
    """The pieces of text on a poster: (x where it begins, x of its last sign, y of its baseline), in points."""
    real = documents.typst.compile
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            documents.typst, "compile", lambda *given, **words: real(*given, **words | {"format": "svg"})
        )
        page = ElementTree.fromstring(render_pdf("notice_poster", data))
    return set(_texts(page, 0.0, 0.0))


def _texts(element, x, y):
    signs = [float(one.get("x")) for one in element if one.tag.endswith("}use")]
    if signs:
        yield x, x + max(signs), y
    for inner in element:
        moved = _MATRIX.fullmatch(inner.get("transform", ""))
        by_x, by_y = map(float, moved.groups()) if moved else (0.0, 0.0)
        yield from _texts(inner, x + by_x, y + by_y)


@pytest.mark.parametrize("name", [LONG, LONG * 2, "Abdurehim" * 5], ids=["30", "60", "letters"])
def test_a_long_name_stays_in_its_row_of_the_poster(name):
    before, changed = drawn(poster(102)), poster(102)
    changed["rows"][1][1] = name
    after = drawn(changed)
    # what is gone is the second row's short name; the long one must stand between the lines around it
    ((left, _, baseline),) = before - after
    middle = baseline - 4.5
    right = min(x for x, _, y in before if y == baseline and x > left)
    for x, last, y in after - before:
        assert left - 1 < x <= last < right - 4, "beside its column"
        assert middle - ROW / 2 + 3 < y < middle + ROW / 2, "over the next row"


def test_the_same_data_print_the_same_bytes():
    assert render_pdf("payment_order", ORDER) == render_pdf("payment_order", ORDER)
    assert render_pdf("payment_order", ORDER) != render_pdf("payment_order", ORDER | {"total": "1.00"})


def test_a_payment_order_prints_on_one_page_with_few_towns():
    pdf = render_pdf("payment_order", ORDER)
    assert pdf.startswith(b"%PDF")
    assert pages(pdf) == 1


@pytest.mark.parametrize("name", ['#read("/etc/passwd")', "[*_$`\\", '"}', "赵#panic()"])
def test_a_name_with_the_signs_of_the_template_language_stays_a_name(name):
    assert render_pdf("payment_order", ORDER | {"payer": name}).startswith(b"%PDF")


def test_a_template_that_misses_data_or_does_not_exist_fails_with_its_name():
    with pytest.raises(TemplateFailed, match="payment_order"):
        render_pdf("payment_order", {"title": "x"})
    for name in ("nothing", "../../pyproject", "common/../payment_order"):
        with pytest.raises(TemplateFailed, match="no print template"):
            render_pdf(name, {})


def test_amounts_must_arrive_as_text():
    with pytest.raises(TypeError, match="format amounts"):
        render_pdf("payment_order", ORDER | {"total": Decimal("1.00")})


def test_characters_that_no_font_has_are_listed():
    assert missing_characters("张伟 买买提·艾力\n2026") == ""
    assert missing_characters("王\ue863张\ue863") == "\ue863"


@pytest.fixture
def only_the_shipped_font(monkeypatch, tmp_path):
    monkeypatch.setattr(fonts, "SYSTEM_FONTS", tmp_path)
    fonts._known_characters.cache_clear()
    yield
    fonts._known_characters.cache_clear()


def test_the_shipped_font_alone_lacks_rare_characters_and_says_so(only_the_shipped_font):
    assert missing_characters("李㛃张䶮") == "㛃䶮"


@pytest.mark.parametrize(("name", "told"), [("李㛃张䶮", "U+36C3、U+4DAE"), ("李伟", None)])
def test_a_paper_says_which_characters_it_could_not_print(only_the_shipped_font, monkeypatch, name, told):
    given = {}
    real = documents.typst.compile
    monkeypatch.setattr(
        documents.typst, "compile", lambda path, **rest: given.update(rest) or real(path, **rest)
    )
    assert render_pdf("payment_order", ORDER | {"payer": name}).startswith(b"%PDF")
    assert given["sys_inputs"].get("missing") == told


def test_a_poster_is_printed_without_the_system_font(only_the_shipped_font):
    assert pages(render_pdf("notice_poster", poster(3))) == 1


def test_a_qr_code_is_an_inline_drawing_that_holds_its_text():
    svg = qr_svg("https://example.org/verify/7F3A-91C2")
    assert svg.startswith("<svg")
    assert "xmlns" not in svg
    assert "viewBox" in svg
    assert svg != qr_svg("https://example.org/verify/7F3A-91C3")
    assert qr_svg("<script>") == qr_svg("<script>")
