"""The web front end as it is served: one page at its addresses, assets for ever under their digest."""

import re

import httpx
import pytest
from fastapi import FastAPI

from tests.support import chassis_of, has_slice

_PAGES = ("/", "/app/anything", "/app/links/some-slug", "/docs", "/slices")


def _directives(answer: httpx.Response) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


def _assets(html: str) -> list[str]:
    found: list[str] = re.findall(r'(?:src|href)="(/[^"]+)"', html)
    return found


@pytest.fixture
def digest(app: FastAPI) -> str:
    return chassis_of(app).web.digest


# The page


@pytest.mark.parametrize("path", _PAGES)
async def test_the_page_is_asked_for_again_each_time(anonymous: httpx.AsyncClient, path: str) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    again = await anonymous.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", _PAGES)
async def test_the_page_may_load_from_here_alone(anonymous: httpx.AsyncClient, path: str) -> None:
    rules = _directives(await anonymous.get(path))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["style-src"] == "'self'"
    assert rules["frame-ancestors"] == "'none'"
    assert rules["base-uri"] == "'none'"
    assert "require-trusted-types-for" in rules


async def test_the_page_keeps_to_its_own_rules(anonymous: httpx.AsyncClient) -> None:
    html = (await anonymous.get("/")).text
    assert not re.search(r"<script(?![^>]*\bsrc=)", html), "a script in the page"
    assert not re.search(r"\son\w+=|<style|\sstyle=", html)
    assert not re.search(r'(src|href)="(https?:)?//', html)


async def test_everything_that_the_page_names_is_there_and_may_be_kept(
    anonymous: httpx.AsyncClient, digest: str
) -> None:
    names = _assets((await anonymous.get("/")).text)
    assert any(name.endswith(".js") for name in names)
    assert any(name.endswith(".css") for name in names)
    for name in names:
        assert (await anonymous.get(name)).status_code == 200, name
        assert not name.startswith("/assets/") or name.startswith(f"/assets/{digest}/")


async def test_every_module_that_a_script_imports_is_there(app: FastAPI, digest: str) -> None:
    files = chassis_of(app).web.files
    for name, file in files.items():
        for imported in re.findall(rb'(?:from|import)\s*\(?"(\.{1,2}/[^"]+)"', file.content):
            address = httpx.URL(f"http://x/assets/{digest}/{name}").join(imported.decode())
            assert address.path.removeprefix(f"/assets/{digest}/") in files, (name, imported)


# Assets


async def test_an_asset_under_its_digest_is_kept_for_ever(anonymous: httpx.AsyncClient, digest: str) -> None:
    answer = await anonymous.get(f"/assets/{digest}/script.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert "max-age=31536000" in answer.headers["cache-control"]
    assert "public" in answer.headers["cache-control"]


async def test_latest_is_asked_for_again_each_time(anonymous: httpx.AsyncClient, digest: str) -> None:
    latest = await anonymous.get("/assets/latest/style.css")
    lasting = await anonymous.get(f"/assets/{digest}/style.css")
    assert latest.content == lasting.content
    assert latest.headers["cache-control"] == "no-cache"
    assert latest.headers["etag"] == lasting.headers["etag"]


@pytest.mark.parametrize("path", ["/", "/assets/latest/script.js", "/assets/latest/style.css"])
async def test_two_codings_have_two_etags(anonymous: httpx.AsyncClient, path: str) -> None:
    plain = await anonymous.get(path, headers={"Accept-Encoding": "identity"})
    small = await anonymous.get(path, headers={"Accept-Encoding": "gzip, br"})
    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.content == small.content
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"])
    assert plain.headers["etag"] != small.headers["etag"]
    for answer in (plain, small):
        assert answer.headers["vary"].lower() == "accept-encoding"
    crossed = await anonymous.get(path, headers={"Accept-Encoding": "identity", "If-None-Match": small.headers["etag"]})
    assert crossed.status_code == 200, "the tag of the other coding does not fit"


@pytest.mark.parametrize("accept", ["gzip;q=0", "gzip; q=0.0", "br", "identity", "gzip;q=0, *;q=1"])
async def test_who_does_not_take_gzip_gets_none(anonymous: httpx.AsyncClient, accept: str) -> None:
    answer = await anonymous.get("/", headers={"Accept-Encoding": accept})
    assert "content-encoding" not in answer.headers


async def test_types_are_told_and_not_guessed(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    for name in chassis_of(app).web.files:
        answer = await anonymous.get(f"/assets/latest/{name}")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"] != "application/octet-stream", name
        assert (
            not answer.headers["content-type"].startswith("text/") or "charset=utf-8" in answer.headers["content-type"]
        )


async def test_head_tells_the_length(anonymous: httpx.AsyncClient) -> None:
    full, head = (
        await anonymous.get("/assets/latest/script.js"),
        await anonymous.head("/assets/latest/script.js"),
    )
    assert head.content == b""
    assert head.headers["content-length"] == full.headers["content-length"]


async def test_the_icon_has_its_old_address_too(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/favicon.ico")
    assert answer.is_redirect
    icon = await anonymous.get(answer.headers["location"])
    assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")


# What is not there


@pytest.mark.parametrize(
    "path",
    [
        "/assets/latest/nothing.js",
        "/assets/000000000000/script.js",
        "/assets/latest/",
        "/assets/latest",
        "/assets/",
        "/assets/script.js",
        "/assets/latest/pages",
        "/assets/LATEST/script.js",
        "/docs/",
        "/index.html/x",
        "/api/index.html",
    ],
)
async def test_what_is_not_there_is_404(anonymous: httpx.AsyncClient, path: str) -> None:
    answer = await anonymous.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "../pyproject.toml",
        "..%2fpyproject.toml",
        "%2e%2e/pyproject.toml",
        "%2e%2e%2fpyproject.toml",
        "pages/../../pyproject.toml",
        "pages/%2e%2e/script.js",
        "//etc/passwd",
        "%2fetc%2fpasswd",
        "..\\pyproject.toml",
        "..%5cpyproject.toml",
        "script.js%00.css",
        "script.js/",
        "./script.js%2f..",
        "%252e%252e/pyproject.toml",
    ],
)
async def test_no_path_leads_out_of_the_folder(anonymous: httpx.AsyncClient, name: str) -> None:
    request = anonymous.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=f"/assets/latest/{name}".encode())
    answer = await anonymous.send(request)
    assert answer.status_code == 404
    assert "tool.poetry" not in answer.text
    assert "root:" not in answer.text


async def test_the_page_has_no_address_for_an_unknown_part_of_the_api(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/api/nothing", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_the_pages_at_the_root_take_their_names_from_short_links(app: FastAPI, client: httpx.AsyncClient) -> None:
    assert {"app", "docs", "slices", "assets"} <= chassis_of(app).reserved_segments
    if has_slice("links"):
        for slug in ("docs", "slices"):
            answer = await client.post("/api/links", json={"url": "https://example.org/", "slug": slug})
            assert answer.status_code == 422
            assert "reserved" in answer.json()["errors"][0]["detail"]
