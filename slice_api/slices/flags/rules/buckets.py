"""`fractional`: users spread over variants by a hash, the same user always to the same one.

Two generations of hashing are in use, and they put nearly everybody somewhere else: v2 hashes text in UTF-8, v3 any
value in deterministic CBOR (RFC 8949, section 4.2.1), in which whole floats are integers. Both take the 32 bits of
MurmurHash3 (x86, seed 0).
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final, NamedTuple

import cbor2
import mmh3

from slice_api.slices.flags.rules.budget import Budget, spend_on_text
from slice_api.slices.flags.rules.parts import LONGEST_SHARED_TEXT, Evaluate, Part, Setting, is_texts
from slice_api.slices.flags.rules.values import settled

MAX_WEIGHT: Final = 2**31 - 1
"""Of one variant, and of all together."""

_VARIANTS: Final = frozenset({str, bool, int, float, type(None)})
_TEXT_HEADS: Final = (*(bytes([0x60 + size]) for size in range(24)), *(bytes([0x78, size]) for size in range(24, 256)))

HashValue = Callable[[Any, Any, Budget], int | None]
"""The 32 bits for a value to bucket by, no array, with the data in scope; None where it is no such value."""

Encode = Callable[[str], bytes]

HashUser = Callable[[Any, Budget], int | None]
"""The 32 bits for the flag and the targeting key of the data; None where it has no such key."""


class Shares(NamedTuple):
    """The variants, and where the share of each ends; the last end is the sum of the weights."""

    ends: tuple[int, ...]
    variants: tuple[Any, ...]


def shares_of(entries: Sequence[Any]) -> Shares | None:
    """The shares that `[variant, weight]` pairs describe; None where one of them is malformed, or all weigh nothing."""
    if not all(map(_is_entry, entries)):
        return None
    ends = tuple(accumulate(_weight(entry) for entry in entries))
    is_usable = ends and 0 < ends[-1] <= MAX_WEIGHT
    return Shares(ends, tuple([entry[0] for entry in entries])) if is_usable else None


@lru_cache(maxsize=1024)
def _shared(shares: Shares) -> Shares:
    """The same for all flags that spread alike: what is one in memory stays near the CPU."""
    return shares


def _known_shares(entries: Sequence[Any]) -> Shares | None:
    """The shares of a rule that they stand in. Only texts are surely different where they are not equal."""
    shares = shares_of(entries)
    if shares is None or not is_texts([*shares.variants]) or sum(map(len, shares.variants)) > LONGEST_SHARED_TEXT:
        return shares
    return _shared(shares)


def _is_entry(entry: Any) -> bool:
    if entry.__class__ is not list or not 1 <= len(entry) <= 2 or entry[0].__class__ not in _VARIANTS:
        return False
    weight: Any = entry[1] if len(entry) == 2 else 1
    is_whole = weight.__class__ is int or (weight.__class__ is float and weight.is_integer())
    return is_whole and weight <= MAX_WEIGHT


def _weight(entry: list[Any]) -> int:
    """A rollout that has not begun yet weighs less than nothing, which is nothing."""
    return max(0, int(entry[1])) if len(entry) == 2 else 1


def build_fractional(args: Sequence[Part], setting: Setting) -> Evaluate:
    """`[bucket by, [variant, weight], …]`; by flag and targeting key where the first is a pair already."""
    if not args:
        return lambda _data, _budget: None
    if args[0].value.__class__ is list and all(part.is_constant for part in args):
        return _by_user(_known_shares([part.value for part in args]), setting)
    if all(part.is_constant for part in args[1:]):
        return _known(args, setting)
    return _varying(args, setting)


def _by_user(shares: Shares | None, setting: Setting) -> Evaluate:
    """Everything but the user is known: what `hash_user` finds, in one step with the share that it lies in."""
    if shares is None:
        return lambda _data, _budget: None
    start, encode = _start_of(setting)

    def run(data: Any, budget: Budget, shares: Shares = shares, start: bytes = start, encode: Encode = encode) -> Any:
        key = data.get("targetingKey") if data.__class__ is dict else None
        if key.__class__ is not str or not key:
            return None
        ends, variants = shares
        return variants[bisect_right(ends, (_hashed(start + encode(key), budget) * ends[-1]) >> 32)]

    return run


def _known(args: Sequence[Part], setting: Setting) -> Evaluate:
    """Everything but what to bucket by is known."""
    read, entries = args[0].run, [part.value for part in args[1:]]
    shares, hash_of, choose = shares_of(entries), hash_value(setting), _chooser(setting)

    def run(data: Any, budget: Budget) -> Any:
        by = read(data, budget)
        if by.__class__ is list:
            return choose([by, *entries], data, budget)
        return _pick(shares, hash_of(by, data, budget)) if shares else None

    return run


def _varying(args: Sequence[Part], setting: Setting) -> Evaluate:
    runs, choose = [part.run for part in args], _chooser(setting)
    return lambda data, budget: choose([run(data, budget) for run in runs], data, budget)


def _chooser(setting: Setting) -> Callable[[list[Any], Any, Budget], Any]:
    """What makes of evaluated arguments a variant."""
    hash_of, hash_of_user = hash_value(setting), hash_user(setting)

    def choose(values: list[Any], data: Any, budget: Budget) -> Any:
        if values[0].__class__ is list:
            shares = shares_of(values)
            return _pick(shares, hash_of_user(data, budget)) if shares else None
        shares = shares_of(values[1:])
        return _pick(shares, hash_of(values[0], data, budget)) if shares else None

    return choose


def _pick(shares: Shares, hashed: int | None) -> Any:
    ends, variants = shares
    return None if hashed is None else variants[bisect_right(ends, (hashed * ends[-1]) >> 32)]


def hash_user(setting: Setting) -> HashUser:
    """By the flag's key and the targeting key, which must be a text and not empty."""
    start, encode = _start_of(setting)

    def hash_of(data: Any, budget: Budget, start: bytes = start) -> int | None:
        key = data.get("targetingKey") if data.__class__ is dict else None
        return _hashed(start + encode(key), budget) if key.__class__ is str and key else None

    return hash_of


def _start_of(setting: Setting) -> tuple[bytes, Encode]:
    """What of the bytes that are hashed stands before the user, and how the user is written behind it."""
    if setting.bucketing == "v2":
        return _utf8(setting.flag_key), _utf8
    return b"\x82" + cbor_text(setting.flag_key), cbor_text


def hash_value(setting: Setting) -> HashValue:
    """By a value that a rule names: v2 takes text, and the default for null; v3 anything but null."""
    return _hash_text(hash_user(setting)) if setting.bucketing == "v2" else _hash_any


def _hash_text(hash_of_user: HashUser) -> HashValue:
    def hash_of(value: Any, data: Any, budget: Budget) -> int | None:
        if value is None:
            return hash_of_user(data, budget)
        return _hashed(_utf8(value), budget) if value.__class__ is str else None

    return hash_of


def _hash_any(value: Any, _data: Any, budget: Budget) -> int | None:
    if value.__class__ is str:
        return _hashed(cbor_text(value), budget)
    plain = settled(value, budget, _whole)
    try:
        return None if plain is None else _hashed(cbor2.dumps(plain, canonical=True), budget)
    except UnicodeEncodeError:  # a lone surrogate in an object
        return None


def _hashed(content: bytes, budget: Budget) -> int:
    spend_on_text(budget, len(content) >> 4)
    return mmh3.hash(content, 0, False)


def _utf8(text: str) -> bytes:
    """UTF-8, and for a lone surrogate, which has none, what it would be."""
    return text.encode("utf-8", "surrogatepass")


def cbor_text(text: str) -> bytes:
    """A text in CBOR; most keys are short, and need no encoder."""
    content = _utf8(text)
    size = len(content)
    if size < len(_TEXT_HEADS):
        return _TEXT_HEADS[size] + content
    width = 2 if size < 2**16 else 4
    return bytes([0x79 if width == 2 else 0x7A]) + size.to_bytes(width) + content


def _whole(value: Any) -> Any:
    """Whole floats as integers, where 64 bits hold them."""
    if value.__class__ is not float or not value.is_integer() or not -(2**63) <= value < 2**64:
        return value
    return int(value)
