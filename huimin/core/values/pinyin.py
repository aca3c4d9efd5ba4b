"""Sort and search keys of Chinese names: 单秀英 is filed under shan, as its bearer says it."""

import re

from pypinyin import Style, pinyin

from huimin.core.values.identity import surname_of

# readings as surnames where they differ from the common reading (现代汉语词典); by pairs of character and reading
_SURNAMES: dict[str, str] = dict(
    re.findall(
        r"(\S+):(\w+)",
        "单:shan 單:shan 曾:zeng 仇:qiu 解:xie 查:zha 朴:piao 区:ou 區:ou 盖:ge 蓋:ge 翟:zhai 缪:miao 繆:miao 覃:qin 员:yun "
        "員:yun 贠:yun 种:chong 乐:yue 樂:yue 折:she 秘:bi 冼:xian 洗:xian 那:na 黑:he 繁:po 祭:zhai 隗:wei 佴:nai 乜:nie "
        "阚:kan 郇:xun 卜:bu 藏:zang 薄:bo 都:du 句:gou 召:shao 省:xing 重:chong 炅:gui 适:kuo 度:duo 任:ren 华:hua 葛:ge "
        "纪:ji 燕:yan 应:ying 幺:yao 撒:sa 沈:shen 谌:chen 过:guo 訾:zi 逄:pang 行:xing 瞿:qu 宿:su 尉:wei 眭:sui 庹:tuo "
        "尉迟:yu_chi 尉遲:yu_chi 万俟:mo_qi 单于:chan_yu 长孙:zhang_sun 長孫:zhang_sun 澹台:tan_tai 子车:zi_ju 乐正:yue_zheng "
        "令狐:ling_hu 亓官:qi_guan 鲜于:xian_yu 宰父:zai_fu 叱干:chi_gan",
    )
)


class _Readings(dict[str, str]):
    """Character (or Latin word) to its commonest reading, looked up once; what has none (Latin letters, the rarest characters) is itself."""

    def __missing__(self, character: str) -> str:
        found = pinyin(character, style=Style.NORMAL, errors="ignore") if not character.isascii() else []
        reading = found[0][0] if found else character.lower()
        self[character] = reading
        return reading


_READINGS = _Readings()
_PARTS = re.compile(r"[A-Za-z]+|[^·\s]")


def _syllables(name: str) -> list[str]:
    surname = surname_of(name)
    if reading := _SURNAMES.get(surname):
        return reading.split("_") + [_READINGS[part] for part in _PARTS.findall(name, len(surname))]
    return [_READINGS[part] for part in _PARTS.findall(name)]


def sort_key(name: str) -> str:
    """Syllables without tones, separated by spaces, so that 李安 (li an) stands before 连 (lian); ü is written v.

    Compare byte by byte (in PostgreSQL COLLATE "C"); names that sound alike are equal here, add the name itself after it.
    """
    return " ".join(_syllables(name))


def initials(name: str) -> str:
    """First letters, for searching as one types: 单秀英 gives sxy; characters without a reading stay as they are."""
    return "".join(syllable[0] for syllable in _syllables(name))
