"""The rows of a file as links to be: ours as they were exported or typed, those of others translated."""

import csv
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Annotated, Any, Final, NamedTuple, Optional

import orjson
from pydantic import AfterValidator, create_model

from slice_api.chassis import invalid
from slice_api.slices.links.following.passwords import check_kept
from slice_api.slices.links.schemas import LinkRecord, NewLink, StoredLink
from slice_api.slices.links.transfer.cells import Read, reader_of, unguarded
from slice_api.slices.links.transfer.records import FileFormat, Record, records
from slice_api.slices.links.transfer.sources import Source, flat, headers_told, normal_name, ours, source_of


class Row(NamedTuple):
    """One row of a file."""

    line: int
    """The line that it begins on, from 1."""
    fields: Mapping[str, Any] | str
    """Our fields with what it says of them, not yet checked; or what is wrong with it."""


NOT_EXPORTED: Final = frozenset({"id"})
_TOLD: Final = frozenset({"has_password", "short_url"})
"""What is told of a link besides what it is."""
_MOST_NAMES: Final = 40
_LONGEST: Final = 500


def _must_be_bounded(value: Any) -> Any:
    """What the service has found out is never negative, nor long."""
    if isinstance(value, int) and value < 0:
        raise ValueError("must not be negative")
    if isinstance(value, str) and len(value) > _LONGEST:
        raise ValueError(f"must have at most {_LONGEST} characters")
    return value


def _must_be_kept_hash(value: Any) -> Any:
    return None if value is None else check_kept(value)


_BOUNDED: Final = AfterValidator(_must_be_bounded)
_CHECKS: Final = {"password_hash": AfterValidator(_must_be_kept_hash)}
"""What is asked of some of them besides."""


def _past_fields() -> Iterator[tuple[str, Any]]:
    """What the service knows of a link besides what people decide about it, each as something that may be left out."""
    for name, info in StoredLink.model_fields.items():
        if name not in NewLink.model_fields and name not in NOT_EXPORTED:
            told = LinkRecord.model_fields.get(name, info)  # a stored one's own are plain
            yield name, (Optional[Annotated[told.rebuild_annotation(), _CHECKS.get(name, _BOUNDED)]], None)  # noqa: UP045 - not written down


ImportedLink: Final = create_model("ImportedLink", __base__=NewLink, **dict(_past_fields()))
"""A link to be made with its past: every field of a stored one that is not the service's own."""


@cache
def readers() -> Mapping[str, Read]:
    """How the cells of our own columns are read; known when the first file comes, since it takes a moment."""
    fields = ImportedLink.model_json_schema()["properties"]
    own = {name: reader_of(schema) for name, schema in fields.items()}
    return {**own, "has_password": reader_of({"type": "boolean"}), "short_url": str}


@cache
def _own_names() -> Mapping[str, str]:
    """Our names by the form that names are compared in."""
    return {normal_name(name): name for name in readers()}


class _Plan(NamedTuple):
    """How rows with certain names are read."""

    source: Source | None
    """Whose they are; None for our own."""
    names: tuple[str, ...]
    """Ours where they are known; those of others in the form that names are compared in."""


def _plan_of(names: Sequence[str]) -> _Plan | None:
    """How rows with these names are read; None when nothing tells where they lead."""
    compared = tuple(map(normal_name, names))
    source = source_of(compared)
    if source is not None:
        return _Plan(source, compared)
    own = _own_names()
    if own.keys().isdisjoint(compared):
        return None
    return _Plan(None, tuple(own.get(each, name) for each, name in zip(compared, names, strict=True)))


async def rows_of(chunks: AsyncIterator[bytes], file_format: FileFormat) -> AsyncIterator[Row | None]:
    """The rows of a file as they come in; None wherever the next ones are yet to.

    Raises 422 when the header of CSV names nothing that links are made of.
    """
    read: Callable[[Record], Row | None] | None = _json_row if file_format == "ndjson" else None
    async for record in records(chunks, file_format):
        if record is None:
            yield None
        elif read is None:
            read = _reader_behind(record)
        elif row := read(record):
            yield row


# NDJSON


def _json_row(record: Record) -> Row:
    return Row(record.line, record.fault or _without_nul(record, _json_fields(record.data)))


def _json_fields(data: bytes) -> Mapping[str, Any] | str:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return f"is not JSON: {error}"
    if not isinstance(value, dict):
        return 'is not an object, such as {"url": "https://example.org/"}'
    known = _known_plan(tuple(value))
    if known is None:
        return f"has no name that is known: found {_shown(value)}; a link needs a url"
    if known.source is not None:
        return ours(known.source, flat(value))
    return dict(zip(known.names, value.values(), strict=True))


_known_plan = lru_cache(maxsize=64)(_plan_of)


def _without_nul(record: Record, fields: Mapping[str, Any] | str) -> Mapping[str, Any] | str:
    """The fields of a record, unless there is a NUL in them, which no engine could keep."""
    if b"\0" not in record.data and b"u0000" not in record.data:
        return fields
    try:
        return "must not hold the character NUL" if _holds_nul(fields) else fields
    except RecursionError:
        return "is nested too deeply"


def _holds_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_nul(each) for pair in value.items() for each in pair)
    return any(map(_holds_nul, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value


# CSV


def _reader_behind(header: Record) -> Callable[[Record], Row | None]:
    """What reads the rows behind a header."""
    cells = header.fault or _cells(header)
    if isinstance(cells, str):
        raise invalid("#", f"the header {cells}")
    plan = _plan_of(cells)
    if plan is None or (plan.source is None and "url" not in plan.names):
        raise invalid(
            "#", f"the header names no URL that links lead to: found {_shown(cells)}; right would be {_right()}"
        )
    _check_names(plan, cells)

    def read(record: Record) -> Row | None:
        found = record.fault or _cells(record)
        if isinstance(found, list) and not any(found):
            return None
        return Row(record.line, found if isinstance(found, str) else _without_nul(record, _csv_fields(plan, found)))

    return read


def _check_names(plan: _Plan, cells: Sequence[str]) -> None:
    """Raise 422 for a column that stands twice, and for one that our own rows do not have: it is not passed over."""
    twice = [name for name, times in Counter(filter(None, plan.names)).items() if times > 1]
    if twice:
        raise invalid("#", f"the header names {_shown(twice)} more than once")
    known = readers()
    unknown = [cell for cell, name in zip(cells, plan.names, strict=True) if cell and name not in known]
    if plan.source is None and unknown:
        raise invalid("#", f"the header names {_shown(unknown)}, which links do not have; they have {_columns()}")


def _cells(record: Record) -> list[str] | str:
    """The cells of a record, or what is wrong with it."""
    try:
        text = record.data.decode()
    except UnicodeDecodeError:
        return "is not UTF-8; save the file as CSV in UTF-8"
    try:
        return [each for cells in csv.reader([text], delimiter=record.delimiter, strict=True) for each in cells]
    except csv.Error as error:
        return f"is not CSV: {error}"


def _csv_fields(plan: _Plan, cells: list[str]) -> Mapping[str, Any] | str:
    named = dict(zip(plan.names, cells, strict=False))
    beyond = [*cells[len(plan.names) :], named.pop("", "")]
    if any(beyond):
        return "has more cells than the header has names; is a quotation mark missing?"
    given = {name: unguarded(cell) for name, cell in named.items() if cell}
    if plan.source is not None:
        return ours(plan.source, given)
    known = readers()
    return {name: known[name](cell) for name, cell in given.items()}


# In words


def _shown(names: Any) -> str:
    texts = [repr(str(name)[:_MOST_NAMES]) for name in names]
    return ", ".join(texts[:_MOST_NAMES]) + (", …" if len(texts) > _MOST_NAMES else "")


def _columns() -> str:
    return ", ".join(name for name in readers() if name not in _TOLD)


def _right() -> str:
    return f"url, and any of {_columns()}; or the names of others: {headers_told()}"
