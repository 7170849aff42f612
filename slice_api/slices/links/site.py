"""The service as links must know it: under which address they are, which names and schemes they may have."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from slice_api.chassis import Problem, invalid
from slice_api.slices.links.schemas import Link, StoredLink
from slice_api.slices.links.urls import WEB_SCHEMES, leads_back, scheme_of


class Site(NamedTuple):
    """What the rules of a link depend on besides the link."""

    base_url: str
    """Scheme and host of the short URLs."""
    reserved: frozenset[str]
    """First path segments that no slug may be."""
    schemes: tuple[str, ...]
    """The URL schemes that are allowed besides http and https."""
    slug_length: int
    """How many characters a slug has that is made up."""


def short_url(slug: str, base_url: str) -> str:
    """The address of a link, percent-encoded so that it survives every mail program."""
    return f"{base_url}/{quote(slug, safe='')}"


def as_shown(link: StoredLink, site: Site) -> Link:
    """What goes out of a link: without the inner id, with its address. What is stored was checked when it came in."""
    fields = {name: value for name, value in link if name != "id"}
    return Link.model_construct(short_url=short_url(link.slug, site.base_url), **fields)


def check_fit(site: Site, *, slug: str | None = None, url: str | None = None, expired_url: str | None = None) -> None:
    """Raise 422 with every fault that only this service can know of; what is None is not looked at."""
    problems = [
        *_slug_faults(site, slug),
        *_url_faults(site, "#/url", url),
        *_url_faults(site, "#/expired_url", expired_url),
    ]
    if problems:
        errors = [fault for problem in problems for fault in problem.errors or ()]
        raise Problem("invalid", "; ".join(str(problem.detail) for problem in problems), errors=errors)


def _slug_faults(site: Site, slug: str | None) -> Iterator[Problem]:
    if slug in site.reserved:
        yield invalid("#/slug", f"is reserved: /{slug} belongs to another part of this service")


def _url_faults(site: Site, pointer: str, url: str | None) -> Iterator[Problem]:
    if url is None:
        return
    allowed = (*WEB_SCHEMES, *site.schemes)
    if scheme_of(url) not in allowed:
        yield invalid(pointer, f"must begin with {' or '.join(f'{scheme}:' for scheme in allowed)}")
    elif leads_back(url, site.base_url, site.reserved):
        yield invalid(pointer, "must not be a short link of this service, since it would redirect again")
