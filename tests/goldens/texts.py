"""More than 500 varied texts, the same on every machine."""

import hashlib
import random
import unicodedata

_SENTENCE = (
    "parcel delivery late refund order broken screen battery charger invoice customer support "
    "please where is my the a an was were not never always quickly slowly red blue green winter "
    "summer holiday booking flight cancelled hotel room doctor appointment tomorrow yesterday "
    "payment failed account password reset login error update software phone laptop keyboard "
    "window door kitchen recipe chicken tomato basil garden soil rain wind storm temperature "
    "quantum gravity neuron synapse enzyme protein vaccine clinical trial evidence statute court "
    "judge contract liability negotiation parliament election budget inflation interest mortgage"
)
_WORDS = _SENTENCE.split()
_ODD = [
    "",
    " ",
    "   \t \n ",
    "\n",
    "\u00a0\u2003\u3000",
    *"a Z 7 . é ß 中 あ ا א ह ก € \u0301 # ' \" \\ / @ _".split(),  # noqa: SIM905
    "😀",
    "😀😀😀 party 🎉",
    "👩\u200d👩\u200d👧\u200d👦 family",
    "👨🏽\u200d🚀 astronaut 👍🏿",
    "🏳️\u200d🌈 flag 🇩🇪🇫🇷",
    "❤️ and ❤ differ by a selector",
    "我喜欢在图书馆看书。",
    "東京都に住んでいます。カタカナとひらがな",
    "한국어 문장을 하나 써 봅니다.",
    "mixed 中文 and English 文字 together",
    "𠀀𠀁𠀂 rare ideographs",
    "مرحبا بالعالم، كيف حالك؟",
    "العَرَبِيَّةُ with marks",
    "שלום עולם, מה שלומך?",
    "שָׁלוֹם with points",
    "नमस्ते दुनिया, आप कैसे हैं?",
    "สวัสดีชาวโลก วันนี้อากาศดี",
    "Привет, как дела? Ёлка и ёж",
    "Γειά σου Κόσμε, ΟΔΥΣΣΕΥΣ ὀδυσσεύς",
    "Türkçe: İstanbul ve ısırgan",
    "Tiếng Việt có nhiều dấu",
    "café naïve résumé Ångström",
    unicodedata.normalize("NFD", "café naïve résumé Ångström"),
    unicodedata.normalize("NFC", "Zu\u0308rich und Ko\u0308ln"),
    "Z\u0351\u0343a\u0329\u0321l\u0327g\u0322o\u0338 text",
    "０１２３４５６７８９ full-width",
    "Ｆｕｌｌ ｗｉｄｔｈ ｌｅｔｔｅｒｓ！",
    "wait… what",
    "wait... what",
    "ﬁnance, eﬃcient ﬂow, ﬆ",
    "Straße STRASSE ẞ straße",
    "ex\u00adtra soft\u00adhyphen",
    "zero\u200bwidth\u200cnon\u200djoiner\ufeff",
    "word\u2060joiner",
    "bell\x07 escape\x1b[31m backspace\x08 delete\x7f",
    "nul\x00inside",
    "\x00",
    "next\x85line and \u2028 separators \u2029 here",
    "replacement \ufffd character",
    "private \ue000 use and noncharacter \uffff",
    "\u202eright to left override\u202c",
    "\u200fmark\u200e \u2067isolate\u2069",
    *"[CLS] [SEP] [PAD] [UNK] [MASK] [cls] [sep] [pad] [unk] [mask] [Mask]".split(),  # noqa: SIM905
    "[CLS] a text that brings its own tokens [SEP]",
    "the [MASK] sat on the [mask]",
    "x[SEP]y[SEP]z",
    "[PAD][PAD][PAD] padding",
    "[unused0] [unused12]",
    "##ing ##s ## #",
    "line one\nline two\r\nline three\rline four",
    "tab\tseparated\tvalues",
    "https://example.org/a/b?query=1&other=%20#part",
    "write to someone.else+tag@example.co.uk now",
    "def f(x: int) -> int:\n    return x ** 2  # square",
    "SELECT * FROM t WHERE a <> 'b' AND c IS NOT NULL;",
    '{"key": [1, 2.5, null, true], "nested": {"a": "b"}}',
    "<p class='x'>HTML &amp; entities</p>",
    "for (int i = 0; i < n; ++i) { sum += a[i]; }",
    "C:\\Windows\\System32\\drivers\\etc",
    "3.14159 2,718 1e-12 0xDEADBEEF 10^6 -273.15",
    "12345678901234567890123456789012345678901234567890",
    "1/2 ½ ² ³ ₂ № ™ © ® ℃ Ω",
    "$5 €10 £15 ¥20 ₹25 ₿1",
    "∑ ∫ √ ∞ ≈ ≠ ≤ ≥ ∂ ∇ ⊂ ∈",
    "(parentheses) [brackets] {braces} <angles> «guillemets» „quotes“ ‘single’",
    "em—dash en–dash minus− hyphen‐ hyphen-minus-",
    "!!!???...,,,;;;:::",
    "-----=====*****",
    "don't can't won't it's o'clock rock'n'roll",
    "don’t can’t won’t it’s",
    "UPPER lower MiXeD cAsE",
    "camelCaseIdentifier and snake_case_identifier and kebab-case",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "a" * 99,
    "a" * 100,
    "a" * 101,
    "x" * 5000,
    "中" * 600,
    "é" * 300,
    "😀" * 400,
    "a " * 5000,
    "." * 1000,
    "[SEP]" * 300,
    "ab\u200b" * 400,
]


def golden_texts() -> list[str]:
    """The texts, in a fixed order."""
    texts = list(_ODD)
    draw = random.Random(20_240_229)
    # Ordinary sentences of every length up to the model's limit and beyond it.
    for n_words in [*range(1, 301), 400, 500, 750, 1000]:
        words = [draw.choice(_WORDS) for _ in range(n_words)]
        texts.append(" ".join(words).capitalize() + draw.choice([".", "?", "!", ""]))
    # The same with odd pieces between.
    pieces = [text for text in _ODD if 0 < len(text) < 40]
    for _ in range(100):
        words = [draw.choice(_WORDS) for _ in range(draw.randint(2, 25))]
        words.insert(draw.randint(0, len(words)), draw.choice(pieces))
        texts.append(" ".join(words))
    # Characters from anywhere in Unicode, surrogates aside.
    for _ in range(40):
        codes = (draw.randrange(0x30000) for _ in range(draw.randint(1, 60)))
        texts.append("".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000))
    long = " ".join(draw.choice(_WORDS) for _ in range(3000))
    texts.append(long[:10_000])
    return texts


def texts_sha256() -> str:
    """Says whether these are the texts a golden file was made from."""
    return hashlib.sha256("\x1e".join(golden_texts()).encode()).hexdigest()
