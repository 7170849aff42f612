"""The web front end as bytes: addresses that may be kept for ever, and the compressed form for those that take it."""

import gzip
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from slice_api.chassis.delivery import deliver, takes_gzip
from slice_api.chassis.web_files import as_web_file, media_type_of, read_web_files

PAGE = "<script src='/assets/latest/script.js'></script>" + " " * 500


@pytest.fixture
def web(tmp_path: Path) -> Path:
    (tmp_path / "pages").mkdir()
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "script.js").write_text("import '/assets/latest/pages/one.js';")
    (tmp_path / "pages" / "one.js").write_text("1;")
    (tmp_path / ".hidden").write_text("")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("")
    return tmp_path


def asking(encoding: str | None) -> Request:
    headers = [] if encoding is None else [(b"accept-encoding", encoding.encode())]
    return Request({"type": "http", "headers": headers})


def delivered(content: bytes, encoding: str | None) -> Response:
    return deliver(asking(encoding), as_web_file(content, "text/css"), cache_control="no-cache")


def test_every_file_is_read_but_those_that_begin_with_a_dot(web: Path) -> None:
    assert read_web_files(web).files.keys() == {"index.html", "script.js", "pages/one.js"}


def test_pages_name_lasting_addresses(web: Path) -> None:
    files = read_web_files(web)
    lasting = files.address("script.js")
    assert lasting == f"/assets/{files.digest}/script.js"
    assert f"src='{lasting}'".encode() in files.files["index.html"].content
    assert files.address("nothing.js") is None


def test_any_change_gives_new_addresses_and_no_change_the_same(web: Path) -> None:
    first = read_web_files(web).digest
    assert read_web_files(web).digest == first
    (web / "pages" / "one.js").write_text("2;")
    second = read_web_files(web).digest
    (web / "pages" / "one.js").rename(web / "pages" / "two.js")
    assert len({first, second, read_web_files(web).digest}) == 3


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.html", "text/html; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.unknown-kind", "application/octet-stream"),
    ],
)
def test_a_file_has_the_type_of_its_name(name: str, kind: str) -> None:
    assert media_type_of(name) == kind


@pytest.mark.parametrize("encoding", ["gzip", "br, GZIP;q=0.5", "*", "gzip; q=1", "identity;q=0, *;q=0.1"])
def test_gzip_is_taken(encoding: str) -> None:
    assert takes_gzip(asking(encoding))


@pytest.mark.parametrize("encoding", [None, "", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *", "xgzip"])
def test_gzip_is_not_taken(encoding: str | None) -> None:
    assert not takes_gzip(asking(encoding))


def test_the_two_forms_are_the_same_content_under_two_tags() -> None:
    plain, small = delivered(PAGE.encode(), None), delivered(PAGE.encode(), "gzip")
    assert gzip.decompress(bytes(small.body)) == bytes(plain.body) == PAGE.encode()
    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert small.headers["etag"] != plain.headers["etag"]
    assert {each.headers["vary"] for each in (plain, small)} == {"Accept-Encoding"}


def test_what_does_not_shrink_is_sent_as_it_is() -> None:
    assert "content-encoding" not in delivered(b"x", "gzip").headers
    assert as_web_file(PAGE.encode(), "image/png").compressed is None
