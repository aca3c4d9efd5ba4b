"""Words for 与户主关系 as the townships write them, to the two-digit codes of GB/T 4761-2008."""

from datetime import date

HOLDER = "02"
OWN = frozenset({HOLDER, "01"})  # what only the head is, 户主 or 本人
LABELS = {
    "01": "本人",
    "02": "户主",
    "10": "配偶",
    "11": "夫",
    "12": "妻",
    "20": "子",
    "21": "独生子",
    "22": "长子",
    "23": "次子",
    "24": "三子",
    "25": "四子",
    "26": "五子",
    "27": "养子或继子",
    "28": "女婿",
    "29": "其他儿子",
    "30": "女",
    "31": "独生女",
    "32": "长女",
    "33": "次女",
    "34": "三女",
    "35": "四女",
    "36": "五女",
    "37": "养女或继女",
    "38": "儿媳",
    "39": "其他女儿",
    "40": "孙子、孙女或外孙子、外孙女",
    "41": "孙子",
    "42": "孙女",
    "43": "外孙子",
    "44": "外孙女",
    "45": "孙媳",
    "46": "孙女婿",
    "47": "曾孙子",
    "48": "曾孙女",
    "50": "父母",
    "51": "父亲",
    "52": "母亲",
    "53": "公公",
    "54": "婆婆",
    "55": "岳父",
    "56": "岳母",
    "57": "继父或养父",
    "58": "继母或养母",
    "60": "祖父母或外祖父母",
    "61": "祖父",
    "62": "祖母",
    "63": "外祖父",
    "64": "外祖母",
    "70": "兄弟姐妹",
    "71": "兄",
    "72": "嫂",
    "73": "弟",
    "74": "弟媳",
    "75": "姐姐",
    "76": "姐夫",
    "77": "妹妹",
    "78": "妹夫",
    "81": "伯父",
    "82": "伯母",
    "83": "叔父",
    "84": "婶母",
    "85": "舅父",
    "86": "舅母",
    "91": "姑父",
    "92": "姑母",
    "93": "侄子",
    "94": "侄女",
    "95": "外甥",
    "96": "外甥女",
    "97": "其他亲属",
    "99": "非亲属",
}
MEN = frozenset(
    [
        "11",
        "20",
        "21",
        "22",
        "23",
        "24",
        "25",
        "26",
        "27",
        "28",
        "29",
        "41",
        "43",
        "46",
        "47",
        "51",
        "53",
        "55",
        "57",
        "61",
        "63",
        "71",
        "73",
        "76",
        "78",
        "81",
        "83",
        "85",
        "91",
        "93",
        "95",
    ]
)
WOMEN = frozenset(
    [
        "12",
        "30",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "38",
        "39",
        "42",
        "44",
        "45",
        "48",
        "52",
        "54",
        "56",
        "58",
        "62",
        "64",
        "72",
        "74",
        "75",
        "77",
        "82",
        "84",
        "86",
        "92",
        "94",
        "96",
    ]
)
SPOUSES = frozenset({"10", "11", "12"})
# children and grandchildren with their spouses, younger brothers and sisters; parents and those before, older ones
YOUNGER = frozenset({*(str(code) for code in range(20, 49) if str(code) in LABELS), "73", "77"})
OLDER = frozenset({*(str(code) for code in range(50, 65) if str(code) in LABELS), "71", "75"})
# the words offered in the template, in the order of the sheet that townships know
OFFERED = {
    "本人": "02", "丈夫": "11", "妻子": "12", "儿子": "20", "女儿": "30", "儿媳": "38", "女婿": "28", "孙子": "41",
    "孙女": "42", "外孙子": "43", "外孙女": "44", "孙媳": "45", "父亲": "51", "母亲": "52", "公公": "53", "婆婆": "54",
    "岳父": "55", "岳母": "56", "祖父": "61", "祖母": "62", "外祖父": "63", "外祖母": "64", "哥哥": "71", "嫂子": "72",
    "弟弟": "73", "弟媳": "74", "姐姐": "75", "妹妹": "77", "侄子": "93", "侄女": "94", "外甥": "95", "外甥女": "96",
    "其他亲属": "97", "其他": "99",
}  # fmt: skip
_ALSO = {
    "户主": "02", "夫": "11", "妻": "12", "老公": "11", "老婆": "12", "媳妇": "38", "子": "20", "女": "30", "父": "51",
    "母": "52", "爸爸": "51", "妈妈": "52", "爷爷": "61", "奶奶": "62", "外公": "63", "外婆": "64", "姥爷": "63",
    "姥姥": "64", "兄": "71", "弟": "73", "姐": "75", "妹": "77", "继子": "27", "养子": "27", "继女": "37", "养女": "37",
    "孙媳妇": "45", "曾孙": "47", "长孙": "41",
}  # fmt: skip
_CODES = {label: code for code, label in LABELS.items()} | _ALSO | OFFERED


def code_of(text: str) -> str:
    """The code of a word, a code, or "编码-名称"; "" when nobody writes that."""
    word = text.strip()
    if word[:2] in LABELS and (len(word) == 2 or word[2:3] in "-－—"):
        return HOLDER if word[:2] == "01" else word[:2]
    return _CODES.get(word, "")


def doubt_of(code: str, *, sex: str, born: date, head_sex: str, head_born: date) -> str:
    """What does not fit a member with this relation to the head: sex (1 man, 2 woman) or age; empty where it may be so."""
    wanted = "1" if code in MEN else "2" if code in WOMEN else ""
    if wanted and sex != wanted:
        return "登记的性别不符"
    if code in SPOUSES and sex == head_sex:
        return "与新户主性别相同"
    if code in YOUNGER and born <= head_born:
        return "比新户主年长"
    if code in OLDER and born >= head_born:
        return "比新户主年轻"
    return ""
