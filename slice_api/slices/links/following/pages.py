"""The pages that visitors of short links see: where one leads, that it leads nowhere, that it asks for a password."""

import math
from collections.abc import Iterable
from html import escape
from typing import Final

from slice_api.chassis import NOTICE_CSP, Problem, notice_page
from slice_api.slices.links.schemas import Preview

_TARGET: Final = '<a class="notice-target" href="{url}" rel="noopener noreferrer nofollow"><bdi>{url}</bdi></a>'
_LEADS: Final = "<p>This short link leads to</p>\n<p>{target}</p>"
_MAY_LEAD: Final = "<p>By device, language, query or time it may also lead to</p>\n<ul>{targets}</ul>"
_CLOSED: Final = "<p>Where this short link leads is told to those who know its password.</p>"
_MADE: Final = '<p class="muted">Made on <time datetime="{created_at}">{day}</time>.</p>'

# Without an action the form goes to the page's own address, query and all.
_FORM: Final = """<p>Whoever gave it to you can tell you the password.</p>
<form class="form" method="post">
<div class="field">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus{state}>
{fault}</div>
<button class="primary" type="submit">Open</button>
</form>"""
_WRONG: Final = '<p class="fault" id="fault" role="alert">This is not the password. Upper and lower case count.</p>\n'
_IS_WRONG: Final = ' aria-invalid="true" aria-describedby="fault"'

_HEADINGS: Final = {404: "This short link leads nowhere", 410: "This short link is over"}
_ADVICE: Final = {
    404: "Nothing has this address. Upper and lower case count; check the spelling, or ask whoever gave it to you.",
    410: "It has expired or has been used up. Ask whoever gave it to you for a new one.",
}


def preview_page(preview: Preview) -> str:
    """Where a link leads and since when; of one with a password only the latter."""
    return notice_page(
        title=f"Where {preview.slug} leads",
        status=preview.short_url,
        heading=preview.title or preview.slug,
        content="\n".join(_preview_parts(preview)),
    )


def _preview_parts(preview: Preview) -> Iterable[str]:
    yield _CLOSED if preview.url is None else _LEADS.format(target=_target(preview.url))
    if preview.other_urls:
        yield _MAY_LEAD.format(targets="".join(f"<li>{_target(url)}</li>" for url in preview.other_urls))
    yield _MADE.format(
        created_at=escape(preview.created_at.isoformat()),
        day=f"{preview.created_at:%-d %B %Y}",
    )


def _target(url: str) -> str:
    return _TARGET.format(url=escape(url))


def password_csp(schemes: Iterable[str]) -> str:
    """The policy of the page with the form: browsers hold `form-action` against the redirect after a form too."""
    sources = " ".join(f"{scheme}:" for scheme in ("http", "https", *schemes))
    return NOTICE_CSP.replace("form-action 'none'", f"form-action {sources}")


def password_page(slug: str, *, is_wrong: bool) -> str:
    """A form that asks for the password of a link."""
    form = _FORM.format(state=_IS_WRONG if is_wrong else "", fault=_WRONG if is_wrong else "")
    heading = "This short link needs a password"
    return notice_page(title=heading, status=f"/{slug}", heading=heading, content=form)


def wait_page(slug: str, seconds: int) -> str:
    """That too many wrong passwords were tried, and when to come back."""
    minutes = max(1, math.ceil(seconds / 60))
    heading = "Too many wrong passwords"
    content = f"<p>Try again in {minutes} minute{'s' if minutes > 1 else ''}.</p>"
    return notice_page(title=heading, status=f"/{slug}", heading=heading, content=content)


def refusal_page(problem: Problem) -> str:
    """That there is nothing to follow, and what to do; only for 404 and 410."""
    status = problem.status_code
    heading = _HEADINGS[status]
    return notice_page(title=heading, status=str(status), heading=heading, content=f"<p>{_ADVICE[status]}</p>")
