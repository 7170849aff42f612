"""Making, finding, changing and deleting links."""

from datetime import datetime
from typing import Any

from pydantic import SecretStr

from slice_api.chassis import (
    Page,
    PageQuery,
    Principal,
    Taken,
    Tx,
    conflict,
    invalid,
    merged,
    new_id,
    random_text,
    unchecked,
)
from slice_api.slices.links import store
from slice_api.slices.links.lookup import find_link, over, started
from slice_api.slices.links.schemas import (
    Availability,
    Link,
    LinkChange,
    LinkCreated,
    LinkDeleted,
    LinkFilter,
    LinkUpdated,
    NewLink,
    Preview,
    StoredLink,
    Visit,
)
from slice_api.slices.links.site import Site, as_shown, check_fit, short_url, slug_fault
from slice_api.slices.links.slugs import check_slug, normal_slug

# What two links must have in common to do the same.
_BEHAVIOUR = (
    "url", "starts_at", "expires_at", "max_visits", "redirect_status", "is_query_forwarded", "expired_url",
    "rules",
)  # fmt: skip


def create_link(
    tx: Tx,
    new: NewLink,
    caller: Principal,
    site: Site,
    *,
    password_hash: str | None = None,
    is_reusing: bool = False,
) -> tuple[Link, bool]:
    """The link and whether it is new; when reusing, an identical live one is given back instead of made again.

    `password_hash` is that of the new link's password, which takes too long to be made here. Raises 422 for what does
    not fit the site and 409 for a slug that is taken.
    """
    _must_be_hashed(new.password, password_hash)
    check_fit(site, slug=new.slug, url=new.url, expired_url=new.expired_url, rules=new.rules)
    known = _identical(tx, new) if is_reusing and new.password is None else None
    if known is not None:
        return as_shown(known, site.base_url), False
    while True:
        link = _made(new, new.slug or made_up_slug(site), password_hash, caller.key_id, tx.now)
        shown = as_shown(link, site.base_url)
        if _is_kept(tx, link, is_named=new.slug is not None):
            break
    tx.emit(unchecked(LinkCreated, {"link": shown}), subject=link.slug)
    return shown, True


def _made(new: NewLink, slug: str, password_hash: str | None, maker: str, now: datetime) -> StoredLink:
    fields = {
        **new.__dict__,
        "slug": slug,
        "visit_count": 0,
        "bot_visit_count": 0,
        "last_visited_at": None,
        "created_at": now,
        "updated_at": now,
        "created_by": maker,
        "id": new_id("link"),
        "password_hash": password_hash,
    }
    del fields["password"]
    return unchecked(StoredLink, fields)


def list_links(tx: Tx, wanted: LinkFilter, page: PageQuery, site: Site) -> Page[Link]:
    return store.filtered(tx, wanted, page).map(lambda link: as_shown(link, site.base_url))


def update_link(tx: Tx, slug: str, change: LinkChange, site: Site, password_hash: str | None = None) -> Link:
    """The link after a merge patch; one that changes nothing leaves it as it is. Raises 404, 412 and 422.

    `password_hash` is that of the new password.
    """
    _must_be_hashed(change.password, password_hash)
    link = find_link(tx, slug)
    check_fit(site, url=change.url, expired_url=change.expired_url, rules=change.rules or ())
    changed = tx.update(store.LINKS, link.slug, lambda held: _changed(held, change, password_hash, tx.now))
    if changed is None or changed is link:
        return as_shown(link, site.base_url)
    tx.emit(LinkUpdated(link=as_shown(changed, site.base_url)), subject=link.slug)
    return as_shown(changed, site.base_url)


def delete_link(tx: Tx, slug: str) -> None:
    link = find_link(tx, slug)
    store.remove_link(tx, link.slug)
    tx.emit(LinkDeleted(slug=link.slug), subject=link.slug)


def list_visits(tx: Tx, slug: str, page: PageQuery) -> Page[Visit]:
    return store.visits_of(tx, find_link(tx, slug).slug, page)


def preview_link(tx: Tx, slug: str, base_url: str) -> Preview:
    """Where a link leads, unless it asks for a password; raises 404 and 410 when it leads nowhere now."""
    link = started(find_link(tx, slug), slug, tx.now)
    if store.state_of(link, tx.now) == "expired":
        raise over(link)
    is_open = link.password_hash is None
    others = dict.fromkeys(rule.url for rule in link.rules if rule.url != link.url)
    return Preview(
        slug=link.slug,
        short_url=short_url(link.slug, base_url),
        url=link.url if is_open else None,
        other_urls=list(others) if is_open else [],
        has_password=not is_open,
        title=link.title,
        created_at=link.created_at,
    )


def check_availability(tx: Tx, slug: str, site: Site) -> Availability:
    """Whether a link can be made with this slug, and why not."""
    fault = _slug_fault(tx, slug, site)
    return Availability(slug=normal_slug(slug), is_available=fault is None, detail=fault)


def _slug_fault(tx: Tx, slug: str, site: Site) -> str | None:
    try:
        kept = check_slug(slug)
    except ValueError as error:
        return str(error)
    problem = slug_fault(site, kept)
    if problem is not None:
        return problem.errors[0].detail if problem.errors else str(problem.detail)
    return "is taken" if store.get_link(tx, kept) is not None else None


def read_short_url(tx: Tx, slug: str, base_url: str) -> str:
    """The short URL of a link in whatever state: a QR code may be printed before it begins."""
    return short_url(find_link(tx, slug).slug, base_url)


def _must_be_hashed(password: SecretStr | None, password_hash: str | None) -> None:
    """No link is to be open because somebody forgot to hash its password."""
    if (password is None) != (password_hash is None):
        raise TypeError("a password must come with its hash, and a hash with its password")


def _is_kept(tx: Tx, link: StoredLink, *, is_named: bool) -> bool:
    """Keep a new link, unless another has its slug; raises 409 for one that was named, and not made up."""
    try:
        tx.insert(store.LINKS, link)
    except Taken as error:
        if is_named:
            raise conflict(f"The slug {link.slug!r} is taken.") from error
        return False
    return True


def _identical(tx: Tx, new: NewLink) -> StoredLink | None:
    """The oldest live link that does just what the new one would, under its slug if it names one.

    None that has a password: who asks for one without is not to be sent to a closed door.
    """
    wanted = _behaviour(new)
    for link in store.with_url(tx, new.url):
        is_open = link.password_hash is None and new.slug in (None, link.slug)
        if is_open and store.state_of(link, tx.now) != "expired" and _behaviour(link) == wanted:
            return link
    return None


def _behaviour(link: NewLink | StoredLink) -> list[Any]:
    return [sorted(link.tags), *(getattr(link, name) for name in _BEHAVIOUR)]


def made_up_slug(site: Site) -> str:
    """A slug that hardly any other link has: to keep the link tells for certain, so that nobody need look before."""
    while True:
        slug = random_text(site.slug_length)
        if slug not in site.reserved:
            return slug


def _changed(link: StoredLink, change: LinkChange, password_hash: str | None, now: datetime) -> StoredLink:
    """The link after the change, the same object when that changes nothing; raises 422 for an unsound whole."""
    changed = merged(link, _without_password(change))
    if "password" in change.model_fields_set and password_hash != link.password_hash:
        changed = changed.model_copy(update={"password_hash": password_hash})
    if changed is link:
        return link
    if changed.starts_at is not None and changed.expires_at is not None and changed.expires_at <= changed.starts_at:
        pointer, detail = ("#/expires_at", "must be after starts_at")
        if "expires_at" not in change.model_fields_set:
            pointer, detail = ("#/starts_at", "must be before expires_at")
        raise invalid(pointer, detail)
    return changed.model_copy(update={"updated_at": now})


def _without_password(change: LinkChange) -> LinkChange:
    names = change.model_fields_set - {"password"}
    return LinkChange.model_construct(names, **{name: getattr(change, name) for name in names})
