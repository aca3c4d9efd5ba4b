import pytest
from hypothesis import given
from hypothesis import strategies as st

from huimin.core.values.pinyin import initials, sort_key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("王秀英", "wang xiu ying"),
        ("单秀英", "shan xiu ying"),
        ("曾伟", "zeng wei"),
        ("仇伟", "qiu wei"),
        ("解伟", "xie wei"),
        ("查伟", "zha wei"),
        ("朴伟", "piao wei"),
        ("区伟", "ou wei"),
        ("盖伟", "ge wei"),
        ("翟伟", "zhai wei"),
        ("缪伟", "miao wei"),
        ("覃伟", "qin wei"),
        ("员伟", "yun wei"),
        ("种伟", "chong wei"),
        ("乐伟", "yue wei"),
        ("折伟", "she wei"),
        ("秘伟", "bi wei"),
        ("冼伟", "xian wei"),
        ("那伟", "na wei"),
        ("尉迟恭", "yu chi gong"),
        ("万俟伟", "mo qi wei"),
        ("单于伟", "chan yu wei"),
        ("长孙伟", "zhang sun wei"),
        ("澹台伟", "tan tai wei"),
        ("欧阳伟", "ou yang wei"),
        ("单于", "shan yu"),
        ("王单", "wang dan"),
        ("吕伟", "lv wei"),
        ("阿依古丽·买买提", "a yi gu li mai mai ti"),
        ("李yan", "li yan"),
        ("李𠮷", "li 𠮷"),
        ("John Smith", "john smith"),
        ("〇", "ling"),
        ("", ""),
    ],
)
def test_names_are_read_as_their_bearers_say_them(name, key):
    assert sort_key(name) == key


def test_names_sort_by_syllable_and_unknown_characters_last():
    assert sorted(["连伟", "李安", "𠮷伟", "安伟", "李伟"], key=sort_key) == [
        "安伟",
        "李安",
        "李伟",
        "连伟",
        "𠮷伟",
    ]


def test_initials_are_the_first_letters():
    assert [initials(name) for name in ("单秀英", "欧阳娜娜", "阿依古丽·买买提", "李𠮷", "")] == [
        "sxy",
        "oynn",
        "ayglmmt",
        "l𠮷",
        "",
    ]


@given(st.text(max_size=10))
def test_any_text_has_a_key(name):
    assert sort_key(name) == sort_key(name)
    assert len(initials(name)) <= len(name)
