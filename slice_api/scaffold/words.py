"""The names of a new slice: what one of its objects is called in code and in sentences."""

import builtins
import keyword
import re
from typing import NamedTuple

from slice_api import chassis

_SAME = frozenset({"data", "equipment", "feedback", "media", "news", "series", "species", "staff", "stock"})
_IRREGULAR = {
    "children": "child",
    "cookies": "cookie",
    "feet": "foot",
    "heroes": "hero",
    "indices": "index",
    "knives": "knife",
    "leaves": "leaf",
    "men": "man",
    "menus": "menu",
    "mice": "mouse",
    "movies": "movie",
    "people": "person",
    "quizzes": "quiz",
    "shelves": "shelf",
    "women": "woman",
}
_ENDINGS = (
    (r"(?<=..)ies$", "y"),  # entries
    (r"(?<=s|x|z)(?<=ss|.x|zz)es$|(?<=[cs]h)(?<!ach)es$|(?<=[bnprt]us)es$", ""),  # classes, boxes, branches, statuses
    (r"yses$", "ysis"),  # analyses
    (r"(?<=...)(?<![sui])s$", ""),  # polls, but neither address, status nor analysis
)
_PLURALS = ((r"sis$", "ses"), (r"(?<![aeiou])y$", "ies"), (r"(s|x|z|ch|sh)$", r"\1es"), (r"$", "s"))
_WITH_AN = re.compile(r"(?!eu|one|u(ni|rl|s[ae]))[aeiou]|hour|honest")

_LOCAL_NAMES = frozenset({"before", "caller", "change", "id", "new", "new_id", "tx", *keyword.kwlist})
_MODEL_NAMES = frozenset({"APIRouter", "HttpValidationError", "ProblemDetails", *chassis.__all__, *dir(builtins)})


class Words(NamedTuple):
    """What a slice's objects are called."""

    noun: str
    """One of them in code: `poll`."""
    model: str
    """Its class: `Poll`."""
    one: str
    """One of them in a sentence: `poll`."""
    many: str
    """Several of them in a sentence: `polls`."""

    @property
    def a_noun(self) -> str:
        """One of them with its article."""
        return f"{'an' if _WITH_AN.match(self.one) else 'a'} {self.one}"


def _changed(word: str, endings: tuple[tuple[str, str], ...]) -> str:
    return next((re.sub(ending, better, word) for ending, better in endings if re.search(ending, word)), word)


def singular(word: str) -> str:
    """One of what a word names; a word that names one already stays."""
    return word if word in _SAME else _IRREGULAR.get(word) or _changed(word, _ENDINGS)


def plural(word: str) -> str:
    """Several of what a word names."""
    regular = {one: many for many, one in _IRREGULAR.items()}
    return word if word in _SAME else regular.get(word) or _changed(word, _PLURALS)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _is_free(noun: str) -> bool:
    """Whether code can use the noun and its class beside what it uses anyway."""
    is_attribute = hasattr(chassis.Event, noun) or noun == "topic"
    return len(noun) > 1 and not is_attribute and noun not in _LOCAL_NAMES and _camel(noun) not in _MODEL_NAMES


def words_of(name: str) -> Words:
    """The words for a slice of that name, such as `poll` and `Poll` for `polls`."""
    *first, last = name.split("_")
    one = singular(last)
    many = last if one != last else plural(last)
    noun = "_".join([*first, one])
    is_constant = _camel(noun) == name.upper()  # which the collection is called
    code = noun if _is_free(noun) and not is_constant else f"{noun}_entry"
    return Words(noun=code, model=_camel(code), one=noun.replace("_", " "), many=" ".join([*first, many]))
