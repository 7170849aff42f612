"""The log: whole lines in the form that is asked for, and what libraries say among them."""

import logging

import pytest

from slice_api.chassis.credentials import make_key
from slice_api.chassis.logs import REQUEST_ID, Logger, StandardLogHandler, make_logger
from tests.chassis.examples import parsed
from tests.support import make_settings


@pytest.fixture
def lines() -> list[bytes]:
    return []


@pytest.fixture
def log(lines: list[bytes]) -> Logger:
    return make_logger(make_settings(), lines.append)


def test_a_line_is_an_object_with_its_time_level_and_event_first(log: Logger, lines: list[bytes]) -> None:
    log.warning("something", count=3, who="é")
    [line] = parsed(lines)
    assert list(line) == ["at", "level", "event", "count", "who"]
    assert (line["level"], line["event"], line["count"], line["who"]) == ("warning", "something", 3, "é")


def test_what_is_no_json_is_told_as_python_shows_it(log: Logger, lines: list[bytes]) -> None:
    log.info("odd", value=object, text="\ud800", number=2**70, numbered={1: "a"})
    [line] = parsed(lines)
    assert line["value"] == repr(object)
    assert line["numbered"] == {"1": "a"}


def test_an_error_of_any_text_leaves_its_line(log: Logger, lines: list[bytes]) -> None:
    log.error("failed", exc_info=ValueError("text \ud800 of any kind"))
    [line] = parsed(lines)
    assert "of any kind" in line["exception"]


def test_secrets_are_hidden_by_their_names_and_keys_wherever_they_stand(log: Logger, lines: list[bytes]) -> None:
    key = make_key().text
    log.info(f"came with {key}", password="hunter2", token="hunter2", cookie="hunter2", detail=[{"x": f"<{key}>"}])
    written = b"".join(lines)
    assert b"hunter2" not in written
    assert key[15:].encode() not in written
    assert parsed(lines)[0]["event"] == "came with slice_***"


def test_the_request_in_hand_is_named(log: Logger, lines: list[bytes]) -> None:
    token = REQUEST_ID.set("abc")
    log.info("inside")
    REQUEST_ID.reset(token)
    log.info("outside")
    inside, outside = parsed(lines)
    assert inside["request_id"] == "abc"
    assert "request_id" not in outside


def test_people_are_shown_text(lines: list[bytes]) -> None:
    make_logger(make_settings(log_format="console"), lines.append).info("something", count=3)
    assert b"something" in lines[0]
    assert b"count=3" in lines[0]
    assert not lines[0].startswith(b"{")
    assert lines[0].endswith(b"\n")


def test_what_libraries_say_comes_out_in_the_same_form(log: Logger, lines: list[bytes]) -> None:
    record = logging.LogRecord("a.library", logging.ERROR, "", 1, "100%% of %s", ("it",), None)
    StandardLogHandler(log).emit(record)
    [line] = parsed(lines)
    assert (line["level"], line["event"], line["logger"]) == ("error", "100% of it", "a.library")


def test_an_error_that_a_library_tells_brings_its_traceback(log: Logger, lines: list[bytes]) -> None:
    try:
        raise ValueError("inside a library")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    StandardLogHandler(log).emit(logging.LogRecord("a.library", logging.ERROR, "", 1, "failed", (), info))
    assert "ValueError: inside a library" in parsed(lines)[0]["exception"]
