from django import forms

from huimin.core.desk.forms import FreeText, HouseForm
from publicity.services import Challenge

KINDS = (
    ("amount", "面积、金额不对"),
    ("unentitled", "这家不该领"),
    ("missing", "漏了人，该有的没有"),
    ("other", "其他"),
)

WRONG_SUM = "得数不对，或者这道题已经答过了，请再算一次"  # a page that is loaded again sends its old answer


class ChallengeForm(HouseForm):
    """A form with a sum at its end. `challenge` is the new question to show; the posted token is checked by the view."""

    token = forms.CharField(widget=forms.HiddenInput, required=False, max_length=400)
    answer = forms.CharField(
        label="算一算",
        max_length=4,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def ask(self, challenge: Challenge) -> None:
        """Put a fresh sum on the page; what was typed for the last one is gone."""
        self.challenge = challenge
        shown = self["answer"]  # not the field: what is shown was made from it when the form was validated
        shown.label = f"算一算：{challenge.question}"
        shown.help_text = "防止有人用机器乱填。把得数写成数字。"
        self.fields["answer"].error_messages["required"] = "请填写算一算的得数"
        if self.is_bound:
            self.data = {**self.data.dict(), "token": challenge.token, "answer": ""}  # type: ignore[attr-defined]
        else:
            self.initial["token"] = challenge.token


def _private(**attrs: str) -> forms.TextInput:
    return forms.TextInput(
        attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", **attrs}
    )


class QueryForm(ChallengeForm):
    """我的补贴. Shapes are not checked here: a malformed number is answered like one that is not on file."""

    summary_verb = "查"
    name = forms.CharField(label="姓名", max_length=100, widget=_private())
    id_number = forms.CharField(
        label="身份证号",
        max_length=100,
        help_text="18 位，最后一位是 X 的填 X",
        widget=_private(**{"class": "input num"}),
    )
    tail_or_phone = forms.CharField(
        label="收款卡号后四位，或登记的手机号",
        max_length=20,
        help_text="收补贴的那张卡或存折，最后四个数字；记不得的，填登记时留的电话号码",
        widget=_private(inputmode="numeric", **{"class": "input num"}),
    )
    field_order = ["name", "id_number", "tail_or_phone", "answer", "token"]


class ObjectionForm(ChallengeForm):
    kind = forms.ChoiceField(label="哪里不对", choices=KINDS, initial="amount", widget=forms.RadioSelect)
    household = FreeText(
        label="是哪一家", max_length=60, required=False, help_text="写户主名字就行，不知道可以不填"
    )
    text = FreeText(
        label="说说怎么不对",
        max_length=1000,
        widget=forms.Textarea,
        help_text="例如：他家只有 2 块地，名单写了 3 块。不要写身份证号、银行卡号；您的电话填在下面",
    )
    contact = forms.CharField(
        label="您的电话",
        max_length=40,
        required=False,
        help_text="不留也行，给您一个查询号自己看答复；留了，只有核实的人看得到",
        widget=_private(inputmode="tel"),
    )
    field_order = ["kind", "household", "text", "contact", "answer", "token"]

    def told(self) -> str:
        """The objection as one text: kind, household, words."""
        kind = dict(KINDS)[self.cleaned_data["kind"]]
        household = self.cleaned_data["household"].strip()
        about = f"（{household}）" if household else ""
        return f"{kind}{about}：{self.cleaned_data['text'].strip()}"


class ProgressForm(HouseForm):
    summary_verb = "查"
    code = forms.CharField(label="查询号", max_length=40, widget=_private(**{"class": "input num"}))


class CodeForm(HouseForm):
    summary_verb = "核验"
    code = forms.CharField(
        label="公示右下角的核验码",
        max_length=100,
        help_text="16 个字，分 4 段；手机扫二维码不用填",
        widget=_private(**{"class": "input num"}),
    )


class FileForm(HouseForm):
    summary_verb = "比"
    file = forms.FileField(label="下载过的名单文件", help_text="CSV 文件，比完就丢，不保存")


class WindowForm(HouseForm):
    summary_verb = "登记"
    token = forms.CharField(
        label="窗口口令",
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="由县里发给村为民服务点、乡镇窗口的电脑",
    )
