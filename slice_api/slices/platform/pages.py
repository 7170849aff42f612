"""The short pages on errors."""

from html import escape

from slice_api.chassis import notice_page
from slice_api.chassis.problems import ProblemType

_CONTENT = """<p>{meaning}</p>
<h2>What to do</h2>
<p>{cure}</p>
<p><a href="/docs">API documentation</a></p>"""


def problem_page(name: str, kind: ProblemType) -> str:
    """What an error means and what to do about it, as a page."""
    content = _CONTENT.format(meaning=escape(kind.meaning), cure=escape(kind.cure))
    return notice_page(
        title=f"{kind.title} · Slice API", status=f"{kind.status} · {name}", heading=kind.title, content=content
    )
