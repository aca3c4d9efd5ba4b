"""What a browser does with Enter in the panel of acts: nothing, and every button still does its own."""

import pytest
from django.template.loader import render_to_string

from huimin.core.desk.forms import HouseForm, YuanField
from huimin.core.desk.pages import Act, Panel


class Typed(HouseForm):
    whole = YuanField(label="应付金额的整数部分")


@pytest.fixture
def panel(browser):
    """The panel of an order on a page of its own, which notes what is sent."""
    acts = [Act("签章", "/sign/"), Act("退回，撤销", "/cancel/", "danger", needs_note=True)]
    words = render_to_string("partials/act_panel.html", {"panel": Panel("办理", acts, form=Typed())})
    page = browser.new_page()
    page.set_content(words)
    page.evaluate(
        """() => { window.sent = []; document.addEventListener("submit", (event) => {
            event.preventDefault(); sent.push(event.submitter.getAttribute("formaction")); }); }"""
    )
    yield page
    page.close()


def test_enter_in_a_box_of_the_panel_sends_nothing_and_a_button_sends_itself(panel):
    panel.get_by_label("应付金额的整数部分").press("Enter")
    assert panel.evaluate("sent") == []
    panel.get_by_role("button", name="退回，撤销").click()
    assert panel.evaluate("sent") == ["/cancel/"]
