"""The short pages on errors."""

from html import escape

from slice_api.chassis.problems import ProblemType

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Slice API</title>
<link rel="icon" href="/assets/latest/favicon.svg">
<link rel="stylesheet" href="/assets/latest/style.css">
</head>
<body class="notice-page">
<main class="notice">
<p class="notice-status">{status} · {name}</p>
<h1>{title}</h1>
<p>{meaning}</p>
<h2>What to do</h2>
<p>{cure}</p>
<p><a href="/docs">API documentation</a></p>
</main>
</body>
</html>
"""


def problem_page(name: str, kind: ProblemType) -> str:
    """What an error means and what to do about it, as a page."""
    texts = {"name": name, "title": kind.title, "meaning": kind.meaning, "cure": kind.cure}
    return _PAGE.format(status=kind.status, **{key: escape(text) for key, text in texts.items()})
