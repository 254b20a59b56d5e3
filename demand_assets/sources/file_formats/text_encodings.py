"""In which encoding a file of text is written, and what is told where it is in none."""

import codecs
import contextlib
import re
import unicodedata
from collections.abc import Callable

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.demand.source_entries import FileSource

_FEW_WRONG = 0.1
"""Of the letters beyond ASCII; in a text of another encoding nearly all are wrong."""
_FEW_ZEROS = 0.01
"""Of the bytes; as many and more make no text."""
_WESTERN = ("cp1252", "cp1250")
ENCODINGS = (*_WESTERN, "cp1251", "cp1253", "cp932", "gb18030", "euc_jp", "big5", "cp949", "cp1255", "cp1256", "cp874",
             "cp1254", "iso8859_2", "mac_roman", "cp850", "cp852", "cp857", "koi8_r", "cp866", "cp737")
"""In which text is looked at that is no UTF-8; of equally good ones the first counts."""
BEFORE_WINDOWS = ENCODINGS.index("mac_roman")
"""From which on they are those of Mac and DOS, which are told by how seldom their letters are."""
_BYTES_LOOKED_AT = 1 << 18
_WORDS_LOOKED_AT = 200
_READINGS = 5
_LETTERS_OF_ONE_BYTE = 90
"""Of the upper 128, in an encoding with one byte a letter; some of its places are empty."""


_ALPHABETS = tuple(map(frozenset, (
    "äöüßàâæçéèêëîïôœùûìò", "àâæçéèêëîïôœùûüÿöó", "áéíñóúüªº", "àçèéíïòóúü", "áâãàçéêíóôõú", "åäöæøé", "ąćęłńóśźż",
    "áäčďéěíĺľňóôŕřšťúůýž", "áéíóöőúüű", "ăâîșțşţ", "čćđšž", "çğıöşüâîûi\u0307")))
"""Letters beyond ASCII of languages that may stand in one file: Swiss and Italian, French and Dutch, Spanish,
Catalan, Portuguese, Nordic, Polish, Czech and Slovak, Hungarian, Romanian, Croatian and Slovene, Turkish."""


_NOT_IN_ONE_WORD = {"HALFWIDTH", "CJK"}


def _is_letter(letter: str) -> bool:
    """Whether it is a letter, or a vowel that stands on one."""
    return letter.isalpha() or unicodedata.category(letter).startswith("M")


def encoding_of(begin: bytes, source: FileSource, path: str, content: Callable[[], bytes]) -> str:
    """How the file is written; UTF-16 shows itself by its byte order mark, and UTF-8 beside files in the declared
    encoding by its bytes.

    Args:
        content: all of the file.
    Raises: SourceError: it holds bytes that are no text. LookupError: there is no such encoding as is declared.
    """
    encoding = _encoding_of(begin, source.encoding, content)
    if b"\0" in begin and not encoding.lower().startswith(("utf-16", "utf_16", "utf16", "utf-32")):
        order = "be" if begin[::2].count(0) > begin[1::2].count(0) else "le"
        if (stray := stray_zeros(begin)) is not None:
            raise SourceError(f"{path} {stray}.")
        raise SourceError(f"{path} holds bytes that are no text; it is no CSV file, or UTF-16 without a byte "
                          f"order mark: set source.format to what it is, or source.encoding to 'utf-16-{order}'.")
    return encoding


def _encoding_of(begin: bytes, declared: str, content: Callable[[], bytes]) -> str:
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not begin.startswith(codecs.BOM_UTF32_LE):
        return "utf-16"
    if begin.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    name = codecs.lookup(declared).name
    if begin.startswith(codecs.BOM_UTF8) or name in ("utf-8", "utf-8-sig"):
        return "utf-8"
    if name.startswith(("utf-16", "utf-32", "utf-7")):
        return declared
    return "utf-8" if is_utf_8(content(), name) else declared


def wrong_encoding(error: Exception, read_as: str, source: FileSource, path: str,
                   content: Callable[[], bytes]) -> SourceError:
    """What is told of a file that could not be read in an encoding, with what to do.

    Args:
        content: all of the file.
    """
    if read_as == "utf-16" and "BOM" not in str(error):
        return SourceError(f"{path} begins as utf-16 text and is damaged: {error}. Write it again.")
    if "BOM" in str(error):
        return SourceError(f"{path} has no byte order mark. Set source.encoding to 'utf-16-le' or "
                           "'utf-16-be', or to 'utf-8' if it is no UTF-16.")
    if source.encoding not in ("utf-8", "utf-8-sig"):
        return SourceError(f"{path} is no {source.encoding} text: {error}. Set source.encoding, as in "
                           "'utf-8'.")
    found = content()
    if spoilt := nearly_utf_8(found):
        return SourceError(f"{path} {spoilt}.")
    readings = readings_of(found)
    return SourceError(f"{path} is no utf-8 text: {error}. Set source.encoding, as in {readings}; files in "
                       "UTF-8 beside it are read as such.")


def plausible(text: str) -> float:
    """How many of the letters beyond ASCII, as a share, stand where they would in one language: in its alphabet, among
    letters of one script, and capitals only where words have them. 0 where there are none."""
    words = set(re.findall(r"[^\s,;|\"\t\d]*[^\s\x00-\x7f][^\s,;|\"\t\d]*", text[:_BYTES_LOOKED_AT]))
    whole, latin, others = 0, list[str](), 0
    for word in words:
        beyond = [letter for letter in word if ord(letter) > 127]
        if not any(map(str.isalpha, word)):
            continue
        whole += len(beyond)
        letters = "".join(filter(_is_letter, word))
        is_cased = any(part in (part.lower(), part.upper()) or part[1:] == part[1:].lower()
                       for part in [letters.replace("ß", "ss")])
        scripts = {unicodedata.name(letter, "?").split()[0] for letter in letters} - {"FULLWIDTH"}
        if not is_cased or not all(map(_is_letter, beyond)) or scripts >= _NOT_IN_ONE_WORD:
            continue
        if scripts == {"LATIN"}:
            latin += beyond
        elif "LATIN" not in scripts:
            others += len(beyond)
    best = max(sum(set(letter.lower()) <= alphabet for letter in latin) for alphabet in _ALPHABETS)
    return (best + others) / whole if whole else 0.0


_RARE = frozenset("îïûùòìâôëœÿªº")
"""Letters of alphabets that hardly stand alone in a text: beside the more frequent ones of theirs, or as an error."""


def rarities(text: str) -> float:
    """How many of the letters beyond ASCII, as a share, are such as one alphabet has and seldom uses, or stand before
    their own vowel, as in Franáais."""
    some = text[:_BYTES_LOOKED_AT].lower()
    places = [place for place, letter in enumerate(some) if ord(letter) > 127 and letter.isalpha()]
    odd = sum(some[place] in _RARE or unicodedata.normalize("NFD", some[place])[0] == some[place + 1:place + 2]
              for place in places)
    return odd / len(places) if places else 0.0


def readings_of(content: bytes) -> str:
    """How a word of the file would be read in some encodings, the likeliest first, as words."""
    words = re.findall(rb"[^\s,;|\"]*[\x80-\xff][^\s,;|\"]*", content[:_BYTES_LOOKED_AT])[:_WORDS_LOOKED_AT]
    word = max(words or [b"\x80"], key=lambda one: sum(byte > 127 for byte in one))
    is_foreign = sum(byte > 127 for byte in word) > len(word) / 2  # in the west few letters of a word have accents
    found = []
    for encoding in ENCODINGS:
        try:
            whole = content.decode(encoding)
            found.append((encoding, word.decode(encoding), plausible(whole), _dos_or_mac(encoding, whole)))
        except UnicodeDecodeError:
            continue
    found.sort(key=lambda one: (-round(one[2], 1), not _is_word(one[1]), is_foreign and one[0] in _WESTERN,
                                one[3]))
    told = [f"{encoding!r} reads {read!r}" if place else f"{encoding!r}, which reads {read!r}"
            for place, (encoding, read, *_) in enumerate(one for one in found if _is_shown(one[1]))]
    return "; ".join(told[:_READINGS]) or "'cp1252'"


def _dos_or_mac(encoding: str, text: str) -> tuple[bool, float]:
    """Those of Mac and DOS last, the one first whose letters are less seldom."""
    is_last = encoding in ("mac_roman", "cp850", "cp852", "cp857")
    return is_last, round(rarities(text), 1) if is_last else 0.0


def _is_shown(text: str) -> bool:
    """Whether every letter can be shown."""
    return text.isprintable() and not any(unicodedata.category(letter) == "Co" for letter in text)


def _is_word(text: str) -> bool:
    """Whether a text is made of letters of one script, capitals where they stand in words."""
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in text}
    is_cased = text in (text.lower(), text.upper(), text.capitalize())
    return text.isalpha() and is_cased and len(scripts - {"HALFWIDTH"}) == 1


def is_utf_8(content: bytes, declared: str) -> bool:
    """Whether a file is UTF-8 and not what is declared: text in an encoding of one byte a letter is hardly ever UTF-8
    by chance; one of several is taken for what is declared if it can be."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    known = 0
    for byte in range(128, 256):
        with contextlib.suppress(UnicodeDecodeError):
            known += bool(bytes([byte]).decode(declared))
    if known >= _LETTERS_OF_ONE_BYTE:
        return True
    try:
        content.decode(declared)
    except UnicodeDecodeError:
        return True
    return False


def nearly_utf_8(content: bytes) -> str | None:
    """What is wrong with a text that is UTF-8 but for a few bytes, which no other encoding would read right; None of
    any other. What may be cut off at its end is left aside."""
    wrong = content[:-3].decode("utf-8", errors="replace")
    few = wrong.count("\ufffd") - content.count(b"\xef\xbf\xbd")
    many = sum(1 for letter in wrong if ord(letter) > 127) - few
    if not 0 < few <= _FEW_WRONG * many:
        return None
    line = wrong[:wrong.index("\ufffd")].count("\n") + 1
    return (f"is UTF-8 but for {few} bytes, the first in line {line}: lines of another encoding were put into it. "
            "Correct them there, or write the whole file as UTF-8")


def stray_zeros(begin: bytes) -> str | None:
    """What is wrong with a text in which some bytes are zero; None where it is none, or in UTF-16."""
    count = begin.count(0)
    if not count or count > _FEW_ZEROS * len(begin) or begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    line = begin[:begin.index(0)].count(b"\n") + 1
    return (f"holds {count} zero bytes, the first in line {line}: it was damaged, or cut off while it was written. "
            "Write it again, or take them out, as with tr -d '\\000'")
