"""GET /{slug}+ and GET /{slug}/qr."""

import io
import threading
from typing import Any

import httpx
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from slice_api.slices.links.colors import NAMES, contrast, parse_color
from slice_api.slices.links.following import answers
from slice_api.slices.links.qr import QrStyle, draw_qr

from .conftest import BROWSER_ACCEPT, MakeLink


async def test_a_preview_shows_where_a_link_leads(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    url = "https://example.org/?a=<b>&\"c'"
    link = await make_link(url, slug="guide", title="<script>alert(1)</script>")
    for accept in (BROWSER_ACCEPT, "*/*"):
        page = await visitor.get("/guide+", headers={"Accept": accept})
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "<script" not in page.text
        assert "https://example.org/?a=&lt;b&gt;&amp;&quot;c&#x27;" in page.text
        assert "31 January 2026" in page.text
    data = await visitor.get("/guide+", headers={"Accept": "application/json"})
    assert data.headers["content-type"] == "application/json"
    same = ("slug", "short_url", "url", "title", "created_at", "has_password")
    assert data.json() == {"other_urls": [], **{name: link[name] for name in same}}


async def test_a_preview_shows_where_else_rules_may_lead(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    urls = ["https://x.org/<ios>", "https://x.org/de", "https://x.org/<ios>", "https://x.org/"]
    rules = [{"when": {"device": "ios"}, "url": url} for url in urls]
    await make_link("https://x.org/", slug="guide", rules=rules)
    data = (await visitor.get("/guide+", headers={"Accept": "application/json"})).json()
    assert (data["url"], data["other_urls"]) == ("https://x.org/", ["https://x.org/<ios>", "https://x.org/de"])
    page = (await visitor.get("/guide+")).text
    assert "it may also lead to" in page
    assert page.count('href="https://x.org/&lt;ios&gt;"') == 1
    assert page.index("https://x.org/de") > page.index("it may also lead to") > page.index('href="https://x.org/"')
    await make_link("https://x.org/", slug="plain")
    assert "also lead" not in (await visitor.get("/plain+")).text


async def test_a_preview_of_a_link_with_a_password_tells_no_url(
    make_link: MakeLink, visitor: httpx.AsyncClient, quick_passwords: None
) -> None:
    rules = [{"when": {"device": "ios"}, "url": "https://secret.example/ios"}]
    link = await make_link("https://secret.example/", slug="guide", title="It", password="x", rules=rules)
    data = await visitor.get("/guide+", headers={"Accept": "application/json"})
    assert data.json() == {
        "slug": "guide", "short_url": link["short_url"], "url": None, "other_urls": [], "has_password": True,
        "title": "It", "created_at": link["created_at"],
    }  # fmt: skip
    page = await visitor.get("/guide+")
    assert page.status_code == 200
    assert "secret" not in page.text
    assert "know its password" in page.text


async def test_a_preview_of_what_cannot_be_followed_tells_nothing(
    make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link("https://secret.example/", slug="past", expires_at="2026-01-31T09:00:00Z")
    await make_link("https://secret.example/", slug="later", starts_at="2026-01-31T10:00:00Z")
    for slug, status in (("past", 410), ("later", 404), ("nope", 404)):
        for accept in (BROWSER_ACCEPT, "application/json"):
            answer = await visitor.get(f"/{slug}+", headers={"Accept": accept})
            assert answer.status_code == status
            assert "secret" not in answer.text


def _read(picture: bytes) -> str:
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("RGB"))
    assert len(found) == 1
    text: str = found[0].text
    return text


async def test_an_svg_is_drawn_by_default(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    link = await make_link(slug="guide")
    answer = await visitor.get(f"{link['short_url']}/qr")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.text.startswith("<svg ")
    assert 'width="300" height="300"' in answer.text
    assert answer.headers["cache-control"] == "public, max-age=86400"


@pytest.mark.parametrize("size", [64, 100, 333, 2000])
@pytest.mark.parametrize("correction", ["L", "M", "Q", "H"])
async def test_a_png_reads_back_as_the_short_url(
    size: int, correction: str, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    link = await make_link(slug="grüße")
    query = f"format=png&size={size}&error_correction={correction}&margin=2&color=%23336699&background=white"
    answer = await visitor.get(f"{link['short_url']}/qr?{query}")
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (size, size)
    assert _read(answer.content) == link["short_url"]


def test_svg_and_png_show_the_same_modules() -> None:
    text = "https://s.example.org/guide"
    svg = draw_qr(text, QrStyle(size=290)).decode()
    image = Image.open(io.BytesIO(draw_qr(text, QrStyle(format="png", size=290)))).convert("L")
    modules = int(svg.split('viewBox="0 0 ')[1].split(" ")[0])
    scale = 290 // modules
    offset = (290 - scale * modules) // 2
    drawn = Image.new("L", (modules, modules), 255)
    for run in svg.split('d="')[2].split('"')[0].split("z")[:-1]:
        start, rest = run.removeprefix("M").split("h", 1)
        x, y = map(int, start.split(" "))
        for step in range(int(rest.split("v")[0])):
            drawn.putpixel((x + step, y), 0)
    for y in range(modules):
        for x in range(modules):
            at = (offset + x * scale + scale // 2, offset + y * scale + scale // 2)
            assert image.getpixel(at) == drawn.getpixel((x, y))


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("size=63", "query/size"), ("size=2001", "query/size"), ("size=x", "query/size"), ("margin=-1", "query/margin"),
     ("margin=21", "query/margin"), ("size=64&margin=20", "query/size"), ("format=gif", "query/format"),
     ("error_correction=X", "query/error_correction"), ("color=nocolour", "query/color"),
     ("color=%23ff", "query/color"),
     ("background=%22onload", "query/background"), ("color=white", "query/color"), ("color=yellow", "query/color"),
     ("color=%23eee&background=black", "query/color"), ("color=123456&background=%23123456", "query/color")],
)  # fmt: skip
async def test_what_cannot_be_drawn_or_read_is_refused(
    query: str, pointer: str, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link(slug="guide")
    answer = await visitor.get(f"/guide/qr?{query}")
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("color", ["%23369", "369", "336699", "%23336699", "Navy", "%23ABCDEF&background=000"[:9]])
async def test_colours_may_be_written_in_many_ways(color: str, make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(slug="guide")
    status = (await visitor.get(f"/guide/qr?color={color}")).status_code
    assert status == (422 if "ABCDEF" in color else 200)


@settings(deadline=None)
@given(dark=st.sampled_from(sorted(NAMES)), light=st.sampled_from(sorted(NAMES)))
def test_every_pair_of_colours_that_passes_can_be_read(dark: str, light: str) -> None:
    if contrast(parse_color(dark), parse_color(light)) < 3:
        return
    style = QrStyle(format="png", size=200, color=dark, background=light)
    assert _read(draw_qr("https://s.example.org/x", style)) == "https://s.example.org/x"


async def test_a_code_is_drawn_off_the_event_loop(
    make_link: MakeLink, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def draw(text: str, style: QrStyle) -> bytes:
        threads.append(threading.get_ident())
        return draw_qr(text, style)

    monkeypatch.setattr(answers, "draw_qr", draw)
    await make_link(slug="guide")
    assert (await visitor.get("/guide/qr")).status_code == 200
    assert threads != []
    assert threading.get_ident() not in threads


async def test_a_client_that_has_the_code_gets_no_body(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(slug="guide")
    await make_link(slug="other")
    first = await visitor.get("/guide/qr?size=200")
    again = await visitor.get("/guide/qr?size=200", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "public, max-age=86400"
    for path in ("/guide/qr?size=201", "/other/qr?size=200", "/guide/qr?size=200&format=png"):
        assert (await visitor.get(path)).headers["etag"] != first.headers["etag"]
    same = await visitor.get("/guide/qr?size=200&color=black")
    assert same.headers["etag"] == first.headers["etag"]


async def test_a_code_is_drawn_before_a_link_begins_but_not_without_one(
    make_link: MakeLink, visitor: httpx.AsyncClient, clock: Any
) -> None:
    await make_link(slug="later", starts_at="2026-02-01T00:00:00Z")
    assert (await visitor.get("/later/qr")).status_code == 200
    assert (await visitor.get("/nope/qr")).status_code == 404


async def test_the_longest_slug_fits_a_code(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    link = await make_link(slug="🎉" * 64)
    answer = await visitor.get(f"{link['short_url']}/qr?format=png&size=1000&error_correction=H")
    assert _read(answer.content) == link["short_url"]
