"""Notices: small pages in the look of the front end, for people who come without it, and no script."""

from html import escape
from typing import Final

NOTICE_CSP: Final = (
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
<p class="notice-status">{status}</p>
<h1>{heading}</h1>
{content}
</main>
</body>
</html>
"""


def notice_page(*, title: str, status: str, heading: str, content: str) -> str:
    """A notice; `content` is HTML whose texts its maker has escaped, the rest is text."""
    return _PAGE.format(title=escape(title), status=escape(status), heading=escape(heading), content=content)
