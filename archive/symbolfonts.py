"""The fonts of signs that old word processors used before Unicode had the signs, and what each of their codes means.

A text set in Symbol, Wingdings or a font like these holds letters that are no letters: an "m" in Symbol is a µ, a "þ"
in Wingdings is a ticked box. On a machine without the font, or in a text copy, "50 µg" reads "50 mg". The tables say
which Unicode sign stands at each code; `recode` puts the signs in the place of a run's characters.

Sources: Adobe's `symbol.txt` and `zdingbat.txt` in the Unicode Consortium's mapping files; for Wingdings and Webdings
the signs that Unicode 7.0 took over from these fonts (ISO/IEC JTC 1/SC 2/WG 2 N4384). Where Unicode had an
older sign of the same shape and meaning, which more fonts draw and people search for, that one stands: ☑ for U+1F5F9,
☒ for U+1F5F7, □ for U+1F78E, → for U+1F86A and for U+2B62. The angle brackets of Symbol are U+27E8 and U+27E9 (those of
the first mapping are East Asian today), its mu is the micro sign, which is what it stands for in a patient record.
"""

import re
from enum import StrEnum
from functools import lru_cache

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""Stands where a code has no known meaning."""

_FIRST = 0x20
_PRIVATE = 0xF000

_SYMBOL = (
    " !∀#∃%&∋()∗+,−./"  # 20
    "0123456789:;<=>?"  # 30
    "≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟ"  # 40
    "ΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_"  # 50
    "‾αβχδεφγηιϕκλµνο"  # 60
    "πθρστυϖωξψζ{|}∼�"  # 70
    "����������������"  # 80
    "����������������"  # 90
    "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓"  # a0
    "°±″≥×∝∂•÷≠≡≈…⏐⎯↵"  # b0
    "ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉"  # c0
    "∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓"  # d0
    "◊⟨®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪"  # e0
    "�⟩∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭�"  # f0
)

_WINGDINGS = (
    " 🖉✂✁👓🕭🕮🕯🕿✆🖂🖃📪📫📬📭"  # 20
    "🗀🗁🗎🗏🗐🗄⌛🖮🖰🖲🖳🖴🖫🖬✇✍"  # 30
    "🖎✌🖏👍👎☜☞☝☟🖐☺😐☹💣🕱🏳"  # 40
    "🏱✈☼🌢❄🕆✞🕈✠✡☪☯🕉☸♈♉"  # 50
    "♊♋♌♍♎♏♐♑♒♓🙰🙵●🔾■□"  # 60
    "□❑❒🞟⧫◆❖⬩☒⮹⌘🏵🏶🙶🙷▯"  # 70
    "🄋➀➁➂➃➄➅➆➇➈➉🄌➊➋➌➍"  # 80
    "➎➏➐➑➒➓🙢🙠🙡🙣🙞🙜🙝🙟∙•"  # 90
    "⬝○🞆🞈◉🞋🔿▪□🟁🟅★🟋🟏🟓🟑"  # a0
    "⯐⌖⯎⯏⯑✪✰🕐🕑🕒🕓🕔🕕🕖🕗🕘"  # b0
    "🕙🕚🕛⮰⮱⮲⮳⮴⮵⮶⮷🙪🙫🙕🙔🙗"  # c0
    "🙖🙐🙑🙒🙓⌫⌦⮘⮚⮙⮛⮈⮊⮉⮋←"  # d0
    "→↑↓↖↗↙↘⬅➡⬆⬇🡼🡽🡿🡾⇦"  # e0
    "⇨⇧⇩⬄⇳⬁⬀⬃⬂🢬🢭✘✓☒☑�"  # f0
)

_WINGDINGS_2 = (
    " 🖊🖋🖌🖍✄✀🕾🕽🗅🗆🗇🗈🗉🗊🗋"  # 20
    "🗌🗍📋🗑🗔🖵🖶🖷🖸🖭🖯🖱🖒🖓🖘🖙"  # 30
    "🖚🖛👈👉🖜🖝🖞🖟🖠🖡👆👇🖢🖣🖑✗"  # 40
    "✓☒☑☒☒⮾⮿🛇⦸🙱🙴🙲🙳‽🙹🙺"  # 50
    "🙻🙦🙤🙥🙧🙚🙘🙙🙛⓪①②③④⑤⑥"  # 60
    "⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿�"  # 70
    "☉🌕☽☾⸿✝🕇🕜🕝🕞🕟🕠🕡🕢🕣🕤"  # 80
    "🕥🕦🕧🙨🙩⋅🞄⦁●○🞅🞇🞉⊙⦿🞌"  # 90
    "🞍◾■□🞑🞒🞓🞔▣🞕🞖🞗🞘⬩⬥◇"  # a0
    "🞚◈🞛🞜🞝🞞⬪⬧◊🞠◖◗⯊⯋⯀⯁"  # b0
    "⬟⯂⬣⬢⯃⯄🞡🞢🞣🞤🞥🞦🞧🞨🞩🞪"  # c0
    "🞫🞬🞭🞮🞯🞰🞱🞲🞳🞴🞵🞶🞷🞸🞹🞺"  # d0
    "🞻🞼🞽🞾🞿🟀🟂🟄🟆🟉🟊✶🟌🟎🟐🟒"  # e0
    "✹🟃🟇✯🟍🟔⯌⯍※⁂������"  # f0
)

_WINGDINGS_3 = (
    " ←→↑↓↖↗↙↘⭰⭲⭱⭳⭶⭸⭻"  # 20
    "⭽⭤⭥⭪⭬⭫⭭⭍⮠⮡⮢⮣⮤⮥⮦⮧"  # 30
    "⮐⮑⮒⮓⮀⮃⭾⭿⮄⮆⮅⮇⮏⮍⮎⮌"  # 40
    "⭮⭯⎋⌤⌃⌥␣⍽⇪⮸🢠🢡🢢🢣🢤🢥"  # 50
    "🢦🢧🢨🢩🢪🢫🡐🡒🡑🡓🡔🡕🡗🡖🡘🡙"  # 60
    "▲▼△▽◀▶◁▷◣◢◤◥🞀🞂🞁�"  # 70
    "🞃⯅⯆⯇⯈⮜⮞⮝⮟🠐🠒🠑🠓🠔🠖🠕"  # 80
    "🠗🠘🠚🠙🠛🠜🠞🠝🠟🠀🠂🠁🠃🠄🠆🠅"  # 90
    "🠇🠈🠊🠉🠋🠠🠢🠤🠦🠨🠪🠬🢜🢝🢞🢟"  # a0
    "🠮🠰🠲🠴🠶🠸🠺🠹🠻🢘🢚🢙🢛🠼🠾🠽"  # b0
    "🠿🡀🡂🡁🡃🡄🡆🡅🡇⮨⮩⮪⮫⮬⮭⮮"  # c0
    "⮯🡠🡢🡡🡣🡤🡥🡧🡦🡰🡲🡱🡳🡴🡵🡷"  # d0
    "🡶🢀🢂🢁🢃🢄🢅🢇🢆🢐🢒🢑🢓🢔🢖🢕"  # e0
    "🢗���������������"  # f0
)

_WEBDINGS = (
    " 🕷🕸🕲🕶🏆🎖🖇🗨🗩🗰🗱🌶🎗🙾🙼"  # 20
    "🗕🗖🗗⏴⏵⏶⏷⏪⏩⏮⏭⏸⏹⏺🗚🗳"  # 30
    "🛠🏗🏘🏙🏚🏜🏭🏛🏠🏖🏝🛣🔍🏔👁👂"  # 40
    "🏞🏕🛤🏟🛳🕬🕫🕨🔈🎔🎕🗬🙽🗭🗪🗫"  # 50
    "⮔✔🚲□🛡📦🛱■🚑🛈🛩🛰🟈🕴⬤🛥"  # 60
    "🚔🗘✕❓🛲🚇🚍⛳⦸⊖🚭🗮⏐🗯🗲�"  # 70
    "🚹🚺🛉🛊🚼👽🏋⛷🏂🏌🏊🏄🏍🏎🚘🗠"  # 80
    "🛢💰🏷💳👪🗡🗢🗣✯🖄🖅🖃🖆🖹🖺🖻"  # 90
    "🕵🕰🖽🖾📋🗒🗓🕮📚🗞🗟🗃🗂🖼🎭🎜"  # a0
    "🎘🎙🎧💿🎞📷🎟🎬📽📹📾📻🎚🎛📺💻"  # b0
    "🖥🖦🖧🕹🎮🕻🕼📟🖁🖀🖨🖩🖿🖪🗜🔒"  # c0
    "🔓🗝📥📤🕳🌣🌤🌥🌦☁🌨🌧🌩🌪🌬🌫"  # d0
    "🌜🌡🛋🛏🍽🍸🛎🛍Ⓟ♿🛆🖈🎓🗤🗥🗦"  # e0
    "🗧🛪🐿🐦🐟🐕🐈🙬🙮🙭🙯🗺🌍🌏🌎🕊"  # f0
)

_DINGBATS = (
    " ✁✂✃✄☎✆✇✈✉☛☞✌✍✎✏"  # 20
    "✐✑✒✓✔✕✖✗✘✙✚✛✜✝✞✟"  # 30
    "✠✡✢✣✤✥✦✧★✩✪✫✬✭✮✯"  # 40
    "✰✱✲✳✴✵✶✷✸✹✺✻✼✽✾✿"  # 50
    "❀❁❂❃❄❅❆❇❈❉❊❋●❍■❏"  # 60
    "❐❑❒▲▼◆❖◗❘❙❚❛❜❝❞�"  # 70
    "❨❩❪❫❬❭❮❯❰❱❲❳❴❵��"  # 80
    "����������������"  # 90
    "�❡❢❣❤❥❦❧♣♦♥♠①②③④"  # a0
    "⑤⑥⑦⑧⑨⑩❶❷❸❹❺❻❼❽❾❿"  # b0
    "➀➁➂➃➄➅➆➇➈➉➊➋➌➍➎➏"  # c0
    "➐➑➒➓➔→↔↕➘➙➚➛➜➝➞➟"  # d0
    "➠➡➢➣➤➥➦➧➨➩➪➫➬➭➮➯"  # e0
    "�➱➲➳➴➵➶➷➸➹➺➻➼➽➾�"  # f0
)


class Encoding(StrEnum):
    """The encodings of fonts of signs; `OTHER` stands for a font whose codes are written down nowhere."""

    SYMBOL = "symbol"
    WINGDINGS = "wingdings"
    WINGDINGS_2 = "wingdings 2"
    WINGDINGS_3 = "wingdings 3"
    WEBDINGS = "webdings"
    DINGBATS = "dingbats"
    OTHER = "other"


_TABLES = {
    Encoding.SYMBOL: _SYMBOL,
    Encoding.WINGDINGS: _WINGDINGS,
    Encoding.WINGDINGS_2: _WINGDINGS_2,
    Encoding.WINGDINGS_3: _WINGDINGS_3,
    Encoding.WEBDINGS: _WEBDINGS,
    Encoding.DINGBATS: _DINGBATS,
    Encoding.OTHER: UNKNOWN * len(_SYMBOL),
}

_NAMES = {
    "symbol": Encoding.SYMBOL,
    "symbolneu": Encoding.SYMBOL,
    "symbolset": Encoding.SYMBOL,
    "standardsymbols": Encoding.SYMBOL,
    "standardsymbolsl": Encoding.SYMBOL,
    "wingdings": Encoding.WINGDINGS,
    "wingdings1": Encoding.WINGDINGS,
    "wingdings2": Encoding.WINGDINGS_2,
    "wingdings3": Encoding.WINGDINGS_3,
    "webdings": Encoding.WEBDINGS,
    "zapfdingbats": Encoding.DINGBATS,
    "itczapfdingbats": Encoding.DINGBATS,
    "monotypesorts": Encoding.DINGBATS,
    "dingbats": Encoding.DINGBATS,
    "d050000l": Encoding.DINGBATS,
    "marlett": Encoding.OTHER,
    "mtextra": Encoding.OTHER,
    "bookshelfsymbol": Encoding.OTHER,
    "bookshelfsymbol7": Encoding.OTHER,
    "msoutlook": Encoding.OTHER,
    "msreferencespecialty": Encoding.OTHER,
}
_SUBSET = re.compile(r"^[A-Z]{6}\+")
_STYLE = re.compile(r"(?:regular|roman|normal|medium|bold|italic|oblique|std|bt|mt|ps|truetype|tt)$")

# What Windows code page 1252 has at 0x80 to 0x9f: a program that took the bytes for letters stored these.
_WINDOWS = {
    code: ord(bytes([code]).decode("cp1252"))
    for code in range(0x80, 0xA0)
    if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}


@lru_cache(maxsize=4096)
def encoding_of(font: str) -> Encoding | None:
    """The encoding of the font of that name, or None for a font of letters.

    The name may be written as documents and PDF files write it: `Symbol MT`, `ABCDEF+Wingdings-Regular`.
    """
    name = re.sub(r"[^a-z0-9]", "", _SUBSET.sub("", font.strip().split(";")[0]).lower())
    while name not in _NAMES:
        shorter = _STYLE.sub("", name)
        if shorter == name:
            return None
        name = shorter
    return _NAMES[name]


def sign(encoding: Encoding, code: int) -> str | None:
    """The Unicode sign at a code (0x20 to 0xff) of an encoding, or None where none is known."""
    if not _FIRST <= code <= 0xFF:
        return None
    found = _TABLES[encoding][code - _FIRST]
    return None if found == UNKNOWN else found


@lru_cache(maxsize=16)
def _translation(encoding: Encoding) -> dict[int, str]:
    """For `str.translate`: every character that a run of the font can hold in the place of a code."""
    table = {}
    for code, found in enumerate(_TABLES[encoding], _FIRST):
        table[_PRIVATE + code] = found
        if found != UNKNOWN or not 0x7F <= code < 0xA0:
            table[code] = found
        if found != UNKNOWN and code in _WINDOWS:
            table[_WINDOWS[code]] = found
    table[0x20], table[0xA0] = " ", "\N{NO-BREAK SPACE}"
    return table


def recode(text: str, encoding: Encoding) -> tuple[str, int]:
    """A run's characters as the signs its font draws, and how many have no known meaning (each is `UNKNOWN` there).

    Characters that stand for a code are recoded: U+0020 to U+00FF, the private-use U+F020 to U+F0FF, and those of
    Windows code page 1252. All others (a β that is written as such, a tab) are what they say and stay. A no-break space
    stays too: the euro sign of Symbol at that code is written as U+F0A0.
    """
    made = text.translate(_translation(encoding))
    return made, made.count(UNKNOWN) - text.count(UNKNOWN)
