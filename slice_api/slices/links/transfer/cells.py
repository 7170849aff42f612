"""Values as the cells of a CSV file, and back again.

A missing value is an empty cell. Text that a spreadsheet would run as a formula gets an apostrophe before it; so does
an empty text, which is then told from none.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

_MARK: Final = "'"
_RUN_BY_SPREADSHEETS: Final = ("=", "+", "-", "@", "\t", "\r", _MARK)
_WHOLE: Final = re.compile(r"-?\d{1,20}", re.ASCII)
_SWITCHES: Final = {"true": True, "false": False}

Read = Callable[[str], Any]


def guarded(text: str) -> str:
    """Text as no spreadsheet runs it."""
    return f"{_MARK}{text}" if not text or text.startswith(_RUN_BY_SPREADSHEETS) else text


def unguarded(cell: str) -> str:
    """The text of a cell, without the apostrophe that `guarded` has put there."""
    is_guarded = cell == _MARK or (cell.startswith(_MARK) and cell[1:].startswith(_RUN_BY_SPREADSHEETS))
    return cell[1:] if is_guarded else cell


def as_cell(value: Any) -> str:
    """A value of plain JSON as a cell: lists of texts with commas between them, unless that would read ambiguously."""
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value) and _is_plain(value):
        return guarded(",".join(value))
    return guarded(orjson.dumps(value).decode())


def _is_plain(texts: list[str]) -> bool:
    """Whether texts can be told apart by the commas between them."""
    return not texts[0].startswith("[") and all(text and text == text.strip() and "," not in text for text in texts)


def texts_in(cell: str) -> Any:
    """The texts of a cell: a JSON array, or texts with commas between them."""
    return json_in(cell) if cell.startswith("[") else [text for each in cell.split(",") if (text := each.strip())]


def json_in(cell: str) -> Any:
    """The JSON of a cell; the cell itself when it is none, for the model to refuse."""
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        return cell


def _whole_in(cell: str) -> Any:
    return int(cell) if _WHOLE.fullmatch(cell) else cell


def _switch_in(cell: str) -> Any:
    return _SWITCHES.get(cell.lower(), cell)  # spreadsheets write TRUE


def reader_of(schema: Mapping[str, Any]) -> Read:
    """How the cells of a field are read, by the JSON Schema of the field."""
    options = [each for each in schema.get("anyOf", (schema,)) if each.get("type") != "null"]
    kinds = {each.get("type", "object") for each in options}
    if "string" in kinds:
        return str
    if kinds == {"array"}:
        is_of_texts = options[0].get("items", {}).get("type") == "string"
        return texts_in if is_of_texts else json_in
    return {"integer": _whole_in, "boolean": _switch_in}.get(kinds.pop(), json_in)
