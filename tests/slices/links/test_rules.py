"""Properties of the rules for URLs, slugs and merged queries."""

import unicodedata
from contextlib import suppress
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from slice_api.slices.links.slugs import check_slug, normal_slug
from slice_api.slices.links.urls import check_url, join_url, leads_back, split_url, to_location, with_query
from slice_api.slices.links.visits.visitors import parse_agent, preferred_language, referrer_host

HOSTS = st.sampled_from(["example.org", "bücher.example", "127.0.0.1", "[2001:db8::1]", "a_b.example", "EXAMPLE.org."])
TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), max_size=40).map(
    lambda text: text.replace("\\", "")
)


@st.composite
def urls(draw: st.DrawFn) -> str:
    """URLs that people may type, with whatever in path, query and fragment."""
    path = draw(TEXTS).replace("?", "").replace("#", "")
    query = draw(st.none() | TEXTS)
    fragment = draw(st.none() | TEXTS)
    port = draw(st.sampled_from(["", ":8443"]))
    return (
        f"https://{draw(HOSTS)}{port}/{path}"
        + ("" if query is None else "?" + query.replace("#", ""))
        + ("" if fragment is None else f"#{fragment}")
    )


@given(st.text())
def test_splitting_and_joining_any_text_gives_it_back(text: str) -> None:
    with suppress(ValueError):
        assert join_url(split_url(text)) == text


@given(urls())
def test_a_url_is_taken_as_typed_or_refused_with_a_reason(url: str) -> None:
    with suppress(ValueError):
        assert check_url(url) == url


def _judged(url: str) -> tuple[str, bool]:
    """What is wrong with a URL, and whether it leads back here."""
    try:
        check_url(url)
    except ValueError as error:
        return str(error), leads_back(url, "https://s.org", {"docs"})
    return "", leads_back(url, "https://s.org", {"docs"})


@given(
    st.from_regex(r"https?://(s\.org|[a-z0-9.-]{1,70})([/?#][!-~]{0,20})?", fullmatch=True)
    | st.from_regex(r"https?://(s\.org\.?|127\.1|xn--[a-z]{1,4}|[!-~]{1,9})(/[ -~]{0,9})?", fullmatch=True)
)
def test_an_ordinary_url_is_judged_like_one_that_is_written_in_another_way(url: str) -> None:
    reason, is_back = _judged(url.replace("http", "HTTP", 1))
    assert _judged(url) == (reason.replace("HTTP", "http"), is_back)


@given(st.text() | st.text().map(lambda text: f"https://{text}"))
def test_a_location_of_anything_that_passes_is_one_clean_line(text: str) -> None:
    try:
        url = check_url(text)
    except ValueError:
        return
    location = to_location(url)
    assert location.isascii()
    assert location.isprintable()
    assert " " not in location
    assert to_location(location) == location
    if url.isascii():
        assert location == url


@given(urls(), st.binary(max_size=200) | st.text(max_size=60).map(lambda text: quote(text, safe="&=+").encode()))
def test_no_query_changes_scheme_host_path_or_fragment(url: str, query: bytes) -> None:
    before, after = split_url(url), split_url(with_query(url, query))
    assert (after.scheme, after.authority, after.path, after.fragment) == before[:3] + before[4:]
    location = to_location(with_query(url, query))
    assert location.isascii()
    assert location.isprintable()
    assert urlsplit(location).netloc == urlsplit(to_location(url)).netloc


def _pairs(query: str) -> list[tuple[str, str]]:
    cut = (pair.partition("=") for pair in query.removeprefix("?").split("&") if pair)
    return [(unquote(name.replace("+", " ")), unquote(value.replace("+", " "))) for name, _, value in cut]


VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.sampled_from(["a", "b", "c d", "e.f", "ü", "g&h", "i=j", "+"])
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=6)


@given(PAIRS, PAIRS)
def test_the_visitors_values_stand_alone_and_the_others_stay(
    own: list[tuple[str, str]], given_: list[tuple[str, str]]
) -> None:
    def written(pairs: list[tuple[str, str]]) -> str:
        return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)

    merged = split_url(with_query(f"https://x.org/?{written(own)}", written(given_).encode()))
    names = {name for name, _ in given_}
    assert _pairs(merged.query) == [pair for pair in own if pair[0] not in names] + given_


@given(st.text(max_size=80))
def test_a_slug_that_passes_is_clean_and_passes_again(text: str) -> None:
    try:
        slug = check_slug(text)
    except ValueError:
        return
    assert slug == normal_slug(text) == check_slug(slug)
    assert 1 <= len(slug) <= 64
    for char in slug:
        category = unicodedata.category(char)
        assert char in "-_\u200d\ufe0f" or category[0] in "LM" or category in ("Nd", "So", "Sk")
    assert not set(slug) & set(" /?#+.%&=;\\\x00")


@given(st.text(st.characters(categories=("L", "Nd")), min_size=1, max_size=20))
def test_letters_and_digits_of_any_script_pass(text: str) -> None:
    assume(all(unicodedata.category(char)[0] in "LN" for char in unicodedata.normalize("NFC", text)))
    assert check_slug(text) == unicodedata.normalize("NFC", text)


@settings(deadline=None)  # the first user agent loads the patterns
@given(st.binary(max_size=300))
def test_no_header_value_fails_to_be_read(value: bytes) -> None:
    text = value.decode("latin-1")
    agent = parse_agent(text)
    for told in (agent.browser, agent.os, agent.device, preferred_language(text), referrer_host(text)):
        assert told is None or (told.isprintable() and len(told) <= 253)


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://s.org/x", True), ("https://s.org/x", True), ("http://s.org/x/", True), ("http://s.org/a/../x", True),
        ("http://s.org/%2e/x?q#f", True), ("http://S.ORG.:80/x", True), ("http://s.org", False),
        ("http://s.org/", False),
        ("http://s.org/x+", False), ("http://s.org/x/y", False), ("http://s.org/docs", False),
        ("http://s.org:81/x", False),
        ("http://t.org/x", False), ("mailto:x", False),
    ],
)  # fmt: skip
def test_own_short_links_are_known_however_they_are_written(url: str, is_here: bool) -> None:
    assert leads_back(url, "https://s.org", {"docs"}) is is_here
