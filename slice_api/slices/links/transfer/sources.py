"""Where rows come from: our own export, and the exports of others by their own headers.

Names are compared without case, spaces, hyphens and underscores. A source is known by a set of names that are all
there; what it calls a thing, which of our fields that is, and how it is read, stands in `SOURCES`.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

Read = Callable[[Any], Any]
"""Makes our value of theirs; None for one that says nothing."""

_UNIX_SECONDS: Final = re.compile(r"\d{9,11}", re.ASCII)
_COUNT: Final = re.compile(r"\d{1,3}(?:,\d{3})+|\d+", re.ASCII)
_OFF: Final = (None, False, 0, "", "0", "false", "no", "off")
_LONGEST_TITLE: Final = 200


class Field(NamedTuple):
    """One thing that a source tells; of several that are the same field of ours, the first that says something wins."""

    theirs: str
    ours: str
    read: Read


class Source(NamedTuple):
    """One kind of file."""

    title: str
    marks: tuple[frozenset[str], ...]
    """Each a set of names that tells it when all of them are there."""
    fields: tuple[Field, ...]


def normal_name(name: object) -> str:
    """A name as names are compared."""
    return re.sub(r"[\s_-]+", "", str(name)).lower()


# How values are read


def _as_is(value: Any) -> Any:
    return None if value == "" else value


def _title(value: Any) -> Any:
    """A title, unless it is too long to be one: then it is a note."""
    return _as_is(value) if not isinstance(value, str) or len(value) <= _LONGEST_TITLE else None


def _long_title(value: Any) -> Any:
    return value if isinstance(value, str) and len(value) > _LONGEST_TITLE else None


def last_segment(value: Any) -> Any:
    """The slug that a short URL ends with, such as `abc` of `https://bit.ly/abc` or `bit.ly/abc`."""
    if not isinstance(value, str):
        return value
    path = re.split(r"[?#]", re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://", "", value))[0].partition("/")[2]
    return unquote(path.rstrip("/").rpartition("/")[2]) or None


def _any_segment(value: Any) -> Any:
    """The slug of a short URL or of the first one in a list of them."""
    first = value[0] if isinstance(value, list) and value else value
    return None if first == [] else last_segment(first)


def _text(value: Any) -> str:
    """The text of a cell, or of a number; nothing for what is neither."""
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _nothing(value: Any) -> Any:
    """None for what is empty; a value that cannot be read stays, for the model to refuse."""
    return value if isinstance(value, list | dict) else None


def _moment(value: Any) -> Any:
    """A time as RFC 3339; one without an offset is UTC."""
    text = _text(value).removesuffix(" UTC")
    if not text:
        return _nothing(value)
    if _UNIX_SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC).isoformat()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return value
    return moment.replace(tzinfo=moment.tzinfo or UTC).isoformat()


def _count(value: Any) -> Any:
    text = _text(value)
    if not text:
        return _nothing(value)
    return int(text.replace(",", "")) if _COUNT.fullmatch(text) else value


def _tags(value: Any, separators: str) -> Any:
    """Tags as a list, or in a cell with something between them."""
    if not isinstance(value, str):
        return value
    return [text for each in re.split(separators, value) if (text := each.strip())] or None


def _is_on(value: Any) -> Any:
    """Whether a switch is on; nothing when it is off."""
    return None if (value.strip().lower() if isinstance(value, str) else value) in _OFF else True


def _fields(*rows: tuple[str, str, Read]) -> tuple[Field, ...]:
    return tuple(Field(normal_name(theirs), ours, read) for theirs, ours, read in rows)


def _marks(*names: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(map(normal_name, each.split())) for each in names)


SOURCES: Final[tuple[Source, ...]] = (
    # The table `yourls_url` of YOURLS, as database tools and plugins write it; `ip` is not read.
    Source("YOURLS", _marks("keyword url"), _fields(
        ("keyword", "slug", _as_is),
        ("url", "url", _as_is),
        ("title", "title", _title),
        ("title", "note", _long_title),
        ("timestamp", "created_at", _moment),
        ("clicks", "visit_count", _count),
    )),
    # Its plugin for import and export.
    Source("YOURLS", _marks("source target hits"), _fields(
        ("source", "slug", last_segment),
        ("target", "url", _as_is),
        ("hits", "visit_count", _count),
    )),
    # GET /api/v2/links of Kutt.
    Source("Kutt", _marks("address target", "target link"), _fields(
        ("address", "slug", _as_is),
        ("link", "slug", last_segment),
        ("target", "url", _as_is),
        ("description", "title", _title),
        ("description", "note", _long_title),
        ("created_at", "created_at", _moment),
        ("updated_at", "updated_at", _moment),
        ("expire_in", "expires_at", _moment),
        ("visit_count", "visit_count", _count),
        ("password", "has_password", _is_on),
        ("banned", "is_banned", _is_on),
    )),
    # Bitly: GET /v4/groups/…/bitlinks, and what its pages write.
    Source("Bitly", _marks("long_url link", "long_url bitlink", "long_url short_link", "destination_url"), _fields(
        ("custom_bitlinks", "slug", _any_segment),
        ("custom_bitlink", "slug", _any_segment),
        ("custom_link", "slug", _any_segment),
        ("link", "slug", last_segment),
        ("bitlink", "slug", last_segment),
        ("short_link", "slug", last_segment),
        ("id", "slug", last_segment),
        ("long_url", "url", _as_is),
        ("destination_url", "url", _as_is),
        ("title", "title", _title),
        ("title", "note", _long_title),
        ("tags", "tags", partial(_tags, separators=r"[,|]")),
        ("created_at", "created_at", _moment),
        ("created", "created_at", _moment),
        ("date_created", "created_at", _moment),
        ("total_clicks", "visit_count", _count),
        ("clicks", "visit_count", _count),
        ("total_engagements", "visit_count", _count),
        ("engagements", "visit_count", _count),
    )),
    # Shlink: the CSV that it imports, the CSV that its web client exports, and GET /rest/v3/short-urls.
    Source("Shlink", _marks("long_url"), _fields(
        ("short_code", "slug", _as_is),
        ("short_url", "slug", last_segment),
        ("long_url", "url", _as_is),
        ("title", "title", _title),
        ("title", "note", _long_title),
        ("tags", "tags", partial(_tags, separators=r"\|")),
        ("created_at", "created_at", _moment),
        ("date_created", "created_at", _moment),
        ("meta.valid_since", "starts_at", _moment),
        ("meta.valid_until", "expires_at", _moment),
        ("meta.max_visits", "max_visits", _count),
        ("forward_query", "is_query_forwarded", _is_on),
        ("visits_summary.non_bots", "visit_count", _count),
        ("visits_summary.bots", "bot_visit_count", _count),
        ("visits_count", "visit_count", _count),
        ("visits", "visit_count", _count),
    )),
)  # fmt: skip


def source_of(names: Collection[str]) -> Source | None:
    """The source that has these names, in the form that they are compared in; None for our own and unknown ones."""
    present = frozenset(names)
    return next((source for source in SOURCES if any(mark <= present for mark in source.marks)), None)


def ours(source: Source, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a source, its names in the form that they are compared in, as a row of ours."""
    found: dict[str, Any] = {}
    for field in source.fields:
        value = field.read(row[field.theirs]) if field.theirs in row else None
        if value is not None:
            found.setdefault(field.ours, value)
    return found


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """An object with its names as they are compared, those of an object in it behind a dot: `meta.maxvisits`."""
    return dict(_flat(row))


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        yield normal_name(name), value
        if isinstance(value, dict):
            yield from ((f"{normal_name(name)}.{normal_name(inner)}", each) for inner, each in value.items())


def headers_told(sources: Sequence[Source] = SOURCES) -> str:
    """Which names tell whose file, in words."""
    return "; ".join(f"of {each.title}: {', '.join(sorted(mark))}" for each in sources for mark in each.marks)
