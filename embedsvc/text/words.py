"""Words of a text in any script, to count them; not the tokens of a network."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cache

# Scripts that put no spaces between words: Thai to Myanmar, Khmer, kana, Han.
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_RUNS = re.compile(f"[{_SPACELESS}]+|[^{_SPACELESS}]+")
_WHOLE_RUN = 4
_LONGEST = 40

ENGLISH_STOP_WORDS: frozenset[str] = frozenset(
    """
a about above across after again against ain all almost alone along already also although always am
among an and another any anybody anyone anything anyway are aren around as at away back be became
because been before behind being below between both but by ca came can cannot could couldn did didn
do does doesn doing don done down during each either else ever every everybody everyone everything
few for from further get gets getting go goes going gone got had hadn has hasn have haven having he
hello hence her here hers herself hey hi him himself his how however if in indeed instead into is
isn it its itself just least less let like ll made make makes making many may maybe me might mine
more most much must my myself near neither never no nobody none nor not nothing now of off often ok
okay on once one only onto or other others otherwise ought our ours ourselves out over own per
perhaps please quite rather re really said same say see seem seemed seems several shall she should
shouldn since so some somebody someone something sometimes somewhere still such take tell than thank
thanks that the their theirs them themselves then there therefore these they thing things think this
those though through thus to together too toward towards under until up upon us ve very via want
wanted wants was wasn we well went were weren what whatever when where whether which while who whole
whom whose why will with within without wo won would wouldn yes yet you your yours yourself
yourselves
""".split()  # noqa: SIM905
)


def words_and_pairs(text: str, *, stop_words: Collection[str] = ENGLISH_STOP_WORDS) -> list[str]:
    """The words of a text, and the pairs of words that stand side by side.

    Args:
        text: in any script.
        stop_words: what is left out; a pair with one of them is left out too.

    Returns:
        In lower case, in the order of the text: words of two letters or more, no bare numbers.
        Where a script has no spaces: short runs as they are, pairs of letters of longer ones.

    Example:
        >>> words_and_pairs("What's the exchange rate of 2024?")
        ['exchange', 'rate', 'exchange rate']
    """
    words: list[str] = []
    pairs: list[str] = []
    for part in _parts_between_marks(text):
        last = ""
        for word in part:
            usable = word not in stop_words and _names_something(word)
            if usable:
                words.append(word)
                if last and last != word:
                    pairs.append(f"{last} {word}")
            last = word if usable else ""
    spaceless = [one for run in _spaceless_runs(text) for one in _pieces(run)]
    return [*words, *pairs, *(one for one in spaceless if one not in stop_words)]


def _parts_between_marks(text: str) -> list[list[str]]:
    """Words in lower case, in parts with no full stop, comma or other script within them."""
    folded = unicodedata.normalize("NFC", text.lower()).replace("\u2019", "'")
    parts = []
    for run in _RUNS.findall(folded):
        if not re.match(f"[{_SPACELESS}]", run):
            clauses = re.split(r"[.,;:!?()\[\]\"/\n]+", run)
            parts += [[_bare(word) for word in _word().findall(one)] for one in clauses]
    return parts


def _spaceless_runs(text: str) -> list[str]:
    runs = re.findall(f"[{_SPACELESS}]+", unicodedata.normalize("NFKC", text))
    return [piece for run in runs for piece in re.split(r"[^\w\u0e30-\u0e4e]+", run) if piece]


def _pieces(run: str) -> list[str]:
    if len(run) <= _WHOLE_RUN:
        return [run] if len(run) > 1 else []
    return [run[at : at + 2] for at in range(len(run) - 1)]


def _bare(word: str) -> str:
    """A word without what an apostrophe adds: "customer's", "don't"."""
    return word.split("'")[0] if "'" in word else word


def _names_something(word: str) -> bool:
    return 1 < len(word) <= _LONGEST and any(one.isalpha() for one in word)


@cache
def _word() -> re.Pattern[str]:
    # Marks, such as the vowels of Hindi, are parts of words, which \w does not know.
    codes = range(0x300, 0x10000)
    marks = "".join(chr(one) for one in codes if unicodedata.category(chr(one)).startswith("M"))
    letter = f"(?:[^\\W_]|[{re.escape(marks)}])"
    return re.compile(f"{letter}+(?:['-]{letter}+)*")
