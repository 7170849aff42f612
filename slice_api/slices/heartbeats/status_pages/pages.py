"""Status pages as HTML: whole without any script, kept up to date by a small one."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from slice_api.chassis import Page
from slice_api.slices.heartbeats.schemas import StateCounts
from slice_api.slices.heartbeats.status_pages.bars import bars
from slice_api.slices.heartbeats.status_pages.schemas import CheckStatus, Outage, StatusDocument, StatusOverview

_FOLDER: Final = Path(__file__).parent
_STYLE: Final = (_FOLDER / "page.css").read_text()
_SCRIPT: Final = (_FOLDER / "page.js").read_text()


def _source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


CSP: Final = (
    f"default-src 'none'; style-src {_source(_STYLE)}; script-src {_source(_SCRIPT)}; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

STATES: Final[Mapping[str, str]] = {
    "down": "Down", "grace": "Late", "up": "Up", "running": "Running", "new": "New", "paused": "Paused",
}  # fmt: skip
_SINCE: Final[Mapping[str, str]] = {
    "new": "Waiting since", "up": "Up since", "grace": "Late since", "down": "Down since", "paused": "Paused since",
    "running": "Running since",
}  # fmt: skip
_REASONS: Final[Mapping[str, str]] = {
    "timeout": "not heard of in time", "fail": "failed", "run-time": "ran too long", "start-deadline": "did not end",
}  # fmt: skip
_WORDS: Final = {"states": STATES, "since": _SINCE, "reasons": _REASONS}
_ICON: Final = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='{colour}'/></svg>"
)
_COLOURS: Final[Mapping[str, str]] = {"up": "#2f9e63", "grace": "#c98a1b", "down": "#d6453d"}

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:image/svg+xml,{icon}">
<style>{style}</style>
</head>
<body>
{content}
{script}</body>
</html>
"""


def status_page(shown: StatusDocument, now: datetime) -> str:
    """The page of a document, as it is at a moment."""
    return _PAGE.format(
        title=_title(shown),
        icon=_icon(shown.state),
        style=_STYLE,
        content="\n".join(_status_parts(shown, now)),
        script=f"<script>{_SCRIPT}</script>\n",
    )


def list_page(found: Page[StatusOverview]) -> str:
    """The list of pages."""
    states = {each.state for each in found.items}
    worst = next((state for state in ("down", "grace", "up") if state in states), "new")
    return _PAGE.format(
        title="Status", icon=_icon(worst), style=_STYLE, content="\n".join(_list_parts(found)), script=""
    )


def _title(shown: StatusOverview) -> str:
    return f"{escape(shown.title)}: {escape(shown.summary)}"


def _icon(state: str) -> str:
    return quote(_ICON.format(colour=_COLOURS.get(state, "#868f8c")))


def _list_parts(found: Page[StatusOverview]) -> Iterator[str]:
    yield '<main class="page">\n<h1>Status</h1>'
    if not found.items:
        yield '<p class="muted">There is no status page to show yet.</p>'
    yield '<ul class="cards">'
    for each in found.items:
        yield (
            f'<li class="card link" data-state="{each.state}"><div class="head">'
            f'<h2><a href="/status/{each.name}">{escape(each.title)}</a></h2>'
            f'<span class="state">{escape(each.summary)}</span></div>'
            f'<p class="muted">{counted(each.counts)}</p></li>'
        )
    yield "</ul>"
    if found.next is not None:
        yield f'<p><a href="/status?{escape(urlencode({"after": found.next}))}">More</a></p>'
    yield "</main>"


def _status_parts(shown: StatusDocument, now: datetime) -> Iterator[str]:
    stream, words = f"/status/{shown.name}/stream", escape(json.dumps(_WORDS))
    is_bare = _hidden(not shown.description)
    yield f'<main class="page" data-state="{shown.state}" data-stream="{stream}" data-words="{words}">'
    yield f'<h1 data-is="title">{escape(shown.title)}</h1>'
    yield f'<p class="description" data-is="description"{is_bare}>{escape(shown.description)}</p>'
    yield f'<p class="banner" role="status" data-is="summary">{escape(shown.summary)}</p>'
    yield f'<p class="muted"><span data-is="counts">{counted(shown.counts)}</span></p>'
    if shown.counts.total > len(shown.checks):
        yield f'<p class="cut">Only the first {len(shown.checks)} of {shown.counts.total} by name are shown.</p>'
    yield '<ul class="cards" data-is="checks">'
    for check in shown.checks:
        yield from _check_parts(check, shown)
    yield "</ul>"
    yield "</main>"
    yield (
        f'<footer class="muted"><span data-is="as-of">As of <span data-is="now">{_time(now)}</span></span>'
        '<span class="live" data-is="live" hidden></span></footer>'
    )


def _check_parts(check: CheckStatus, shown: StatusDocument) -> Iterator[str]:
    yield (
        f'<li class="card" data-state="{check.state}"><div class="head">'
        f'<h2 data-is="name">{escape(check.name)}</h2>'
        f'<span class="state" data-is="state">{STATES[check.state]}</span></div>'
    )
    yield (
        f'<p class="facts"><span><span data-is="since-word">{_SINCE[check.state]}</span> '
        f'<span data-is="since">{_time(check.since)}</span></span>'
        f"{_fact('Last heard of', 'last', check.last_ping_at)}{_fact('Due', 'due', check.next_due_at)}</p>"
    )
    if shown.first_day is not None:
        yield bars(check.days, shown.first_day)
        yield (
            f'<p class="scale"><span>{len(check.days)} days ago</span>'
            f'<span data-is="uptime">{percent(check.uptime)}</span><span>Today</span></p>'
        )
        yield (
            f'<details data-is="downtimes"{_hidden(not check.n_downtimes)}>'
            f'<summary data-is="n-downtimes">{_number(check.n_downtimes)}</summary>'
            f'<ol data-is="outages">{"".join(map(_outage, check.downtimes))}</ol></details>'
        )
    yield "</li>"


def _fact(word: str, name: str, at: datetime | None) -> str:
    return f'<span{_hidden(at is None)}>{word} <span data-is="{name}">{_time(at) if at else ""}</span></span>'


def _outage(outage: Outage) -> str:
    end = _time(outage.ended_at) if outage.ended_at else "now"
    reason = f": {_REASONS[outage.reason]}" if outage.reason else ""
    return f"<li>{_time(outage.began_at)} to {end}{reason}</li>"


def _number(count: int) -> str:
    return f"{count} downtime{'' if count == 1 else 's'} in 90 days"


def counted(counts: StateCounts) -> str:
    """How many there are, and how many in which state."""
    parts = [f"{number} {word.lower()}" for name, word in STATES.items() if (number := getattr(counts, name))]
    total = f"{counts.total} check{'' if counts.total == 1 else 's'}"
    return f"{total}: {', '.join(parts)}" if parts else total


def percent(part: float | None) -> str:
    """A part of the known time, in words."""
    return "Nothing known yet" if part is None else f"{_decimal(part)} % up"


def _decimal(part: float) -> str:
    return f"{part * 100:.2f}".rstrip("0").rstrip(".")


def _time(at: datetime) -> str:
    return f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}">{at:%-d %b %Y, %H:%M} UTC</time>'


def _hidden(is_hidden: bool) -> str:
    return " hidden" if is_hidden else ""
