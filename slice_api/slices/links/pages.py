"""The pages that visitors of short links see: where a link leads, and that it leads nowhere."""

from html import escape

from slice_api.chassis import Problem, notice_page
from slice_api.slices.links.schemas import Preview

_PREVIEW = """<p>This short link leads to</p>
<p><a class="notice-target" href="{url}" rel="noopener noreferrer nofollow"><bdi>{url}</bdi></a></p>
<p class="muted">Made on <time datetime="{created_at}">{day}</time>.</p>"""

_HEADINGS = {404: "This short link leads nowhere", 410: "This short link is over"}
_ADVICE = {
    404: "Nothing has this address. Upper and lower case count; check the spelling, or ask whoever gave it to you.",
    410: "It has expired or has been used up. Ask whoever gave it to you for a new one.",
}


def preview_page(preview: Preview) -> str:
    """Where a link leads and since when."""
    content = _PREVIEW.format(
        url=escape(preview.url),
        created_at=escape(preview.created_at.isoformat()),
        day=f"{preview.created_at:%-d %B %Y}",
    )
    return notice_page(
        title=f"Where {preview.slug} leads",
        status=preview.short_url,
        heading=preview.title or preview.slug,
        content=content,
    )


def refusal_page(problem: Problem) -> str:
    """That there is nothing to follow, and what to do; only for 404 and 410."""
    status = problem.status_code
    heading = _HEADINGS[status]
    return notice_page(title=heading, status=str(status), heading=heading, content=f"<p>{_ADVICE[status]}</p>")
