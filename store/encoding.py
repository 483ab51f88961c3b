"""Which bytes are Chinese text: strict UTF-8 first, then GB18030 if plausible."""

import codecs
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CANDIDATES = ("gb18030", "big5", "shift_jis", "euc_kr", "cp1250", "cp1252")
"""Named to the user when the bytes are neither UTF-8 nor plausible Chinese."""

_CHINESE_SHARE = 0.9
_COMMON_SHARE = 0.5


class UnknownEncodingError(ValueError):
    """The bytes fit no encoding that can be told from the others."""

    def __init__(self, candidates: Sequence[str], sample: bytes) -> None:
        super().__init__(
            f"not UTF-8 and not plausible as GB18030; candidates are "
            f"{', '.join(candidates) or 'none known'}; it starts {sample[:24]!r}"
        )
        self.candidates = tuple(candidates)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Texts and the encoding that gave them; ``cut`` had a torn last letter."""

    texts: tuple[str, ...]
    encoding: str
    cut: int = 0


def decode_texts(
    raws: Sequence[bytes], *, declared: str | None = None, hinted: str | None = None
) -> Decoded:
    """Decode texts that share one encoding.

    Parameters
    ----------
    raws
        Encoded texts. A last letter torn by a fixed-width field is dropped.
    declared
        What the operator says. It yields to UTF-8 only, and only if that gives hanzi.
    hinted
        What the file says of itself (a ``.cpg``), which is often wrong: used last.

    Raises
    ------
    UnknownEncodingError
        If nothing fits; it names the encodings that could be declared.
    """
    unicode = _decoded(raws, "utf-8")
    operator = None if declared is None else _decoded(raws, declared)
    if unicode is not None and (operator is None or _has_hanzi(unicode.texts)):
        return unicode
    if operator is not None:
        return operator
    chinese = _decoded(raws, "gb18030")
    if chinese is not None and is_plausible_chinese(chinese.texts):
        return chinese
    own_word = None if hinted is None else _decoded(raws, hinted)
    if own_word is not None:
        return own_word
    fitting = [name for name in CANDIDATES if _decoded(raws, name) is not None]
    raise UnknownEncodingError(fitting, next(r for r in raws if not r.isascii()))


def is_plausible_chinese(texts: Iterable[str]) -> bool:
    """Say whether the letters beyond ASCII are mostly hanzi, and mostly common ones.

    Common is level 1 of GB 2312, its 3755 most used: other encodings read as GB18030
    give rare hanzi.
    """
    letters = Counter(letter for text in texts for letter in text if ord(letter) > 127)
    total = letters.total()
    chinese = sum(n for letter, n in letters.items() if _is_chinese(letter))
    hanzi = {letter: n for letter, n in letters.items() if _is_hanzi(letter)}
    common = sum(n for letter, n in hanzi.items() if _is_common(letter))
    return (
        total > 0
        and chinese >= _CHINESE_SHARE * total
        and common >= _COMMON_SHARE * max(sum(hanzi.values()), 1)
    )


def _decoded(raws: Sequence[bytes], encoding: str) -> Decoded | None:
    texts, cut = [], 0
    try:
        for raw in raws:
            decoder = codecs.getincrementaldecoder(encoding)("strict")
            texts.append(decoder.decode(raw))
            cut += bool(decoder.getstate()[0])
    except (UnicodeError, LookupError):
        return None
    return Decoded(tuple(texts), encoding, cut)


def _has_hanzi(texts: Iterable[str]) -> bool:
    return any(_is_hanzi(letter) for text in texts for letter in text)


def _is_hanzi(letter: str) -> bool:
    return "\u4e00" <= letter <= "\u9fff"


def _is_chinese(letter: str) -> bool:
    return (
        _is_hanzi(letter)
        or "\u3000" <= letter <= "\u303f"
        or "\uff00" <= letter <= "\uffef"
        or letter in "·—…“”‘’㎡²³℃°"
    )


def _is_common(letter: str) -> bool:
    try:
        return 0xB0 <= letter.encode("gb2312")[0] <= 0xD7
    except UnicodeEncodeError:
        return False
