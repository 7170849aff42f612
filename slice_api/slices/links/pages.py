"""The pages that visitors of short links see: where a link leads, and that it leads nowhere."""

from html import escape

from slice_api.chassis import Problem
from slice_api.slices.links.schemas import Preview

# The pages have a style sheet and a picture, and nothing else that could load or run.
CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<link rel="icon" href="/assets/latest/favicon.svg">
<link rel="stylesheet" href="/assets/latest/style.css">
</head>
<body class="notice-page">
<main class="notice">
{content}
</main>
</body>
</html>
"""

_PREVIEW = """<p class="notice-status">{short_url}</p>
<h1>{heading}</h1>
<p>This short link leads to</p>
<p><a class="notice-target" href="{url}" rel="noopener noreferrer nofollow"><bdi>{url}</bdi></a></p>
<p class="muted">Made on <time datetime="{created_at}">{day}</time>.</p>"""

_REFUSAL = """<p class="notice-status">{status}</p>
<h1>{heading}</h1>
<p>{advice}</p>"""

_HEADINGS = {404: "This short link leads nowhere", 410: "This short link is over"}
_ADVICE = {
    404: "Nothing has this address. Upper and lower case count; check the spelling, or ask whoever gave it to you.",
    410: "It has expired or has been used up. Ask whoever gave it to you for a new one.",
}


def preview_page(preview: Preview) -> str:
    """Where a link leads and since when."""
    content = _PREVIEW.format(
        short_url=escape(preview.short_url),
        heading=escape(preview.title or preview.slug),
        url=escape(preview.url),
        created_at=escape(preview.created_at.isoformat()),
        day=f"{preview.created_at:%-d %B %Y}",
    )
    return _PAGE.format(title=escape(f"Where {preview.slug} leads"), content=content)


def refusal_page(problem: Problem) -> str:
    """That there is nothing to follow, and what to do; only for 404 and 410."""
    status = problem.status_code
    content = _REFUSAL.format(status=status, heading=_HEADINGS[status], advice=_ADVICE[status])
    return _PAGE.format(title=_HEADINGS[status], content=content)
