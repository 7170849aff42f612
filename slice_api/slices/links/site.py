"""The service as links must know it: under which address they are, which names and schemes they may have."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from slice_api.chassis import Problem, invalid, unchecked
from slice_api.slices.links.schemas import Link, Rule, StoredLink
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
    return f"{base_url}/{slug if slug.isascii() and slug.isalnum() else quote(slug, safe='')}"


def as_shown(link: StoredLink, base_url: str) -> Link:
    """What goes out of a link: no inner id, no hash, but its address. What is stored was checked when it came in."""
    fields = {**link.__dict__}
    del fields["id"], fields["password_hash"]
    fields["short_url"] = short_url(link.slug, base_url)
    fields["has_password"] = link.password_hash is not None
    return unchecked(Link, fields)


def check_fit(
    site: Site,
    *,
    slug: str | None = None,
    url: str | None = None,
    expired_url: str | None = None,
    rules: Sequence[Rule] = (),
) -> None:
    """Raise 422 with every fault that only this service can know of; what is None is not looked at."""
    found = [
        slug_fault(site, slug),
        _url_fault(site, "#/url", url),
        _url_fault(site, "#/expired_url", expired_url),
        *[_url_fault(site, f"#/rules/{index}/url", rule.url) for index, rule in enumerate(rules)],
    ]
    if any(found):
        problems = [problem for problem in found if problem is not None]
        errors = [fault for problem in problems for fault in problem.errors or ()]
        raise Problem("invalid", "; ".join(str(problem.detail) for problem in problems), errors=errors)


def slug_fault(site: Site, slug: str | None) -> Problem | None:
    """What is wrong with a slug that would be one anywhere else."""
    if slug in site.reserved:
        return invalid("#/slug", f"is reserved: /{slug} belongs to another part of this service")
    return None


def _url_fault(site: Site, pointer: str, url: str | None) -> Problem | None:
    if url is None:
        return None
    scheme = scheme_of(url)
    if scheme in WEB_SCHEMES:
        is_ours = leads_back(url, site.base_url, site.reserved)
        detail = "must not be a short link of this service, since it would redirect again"
        return invalid(pointer, detail) if is_ours else None
    if scheme in site.schemes:
        return None
    allowed = (*WEB_SCHEMES, *site.schemes)
    return invalid(pointer, f"must begin with {' or '.join(f'{scheme}:' for scheme in allowed)}")
