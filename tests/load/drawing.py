"""The picture of a whole run: how ours compares with others, and how much of its target each row takes."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

from tests.load.peers import BARE, PEERS
from tests.load.results import OURS, Result, shown

WIDTH: Final = 1000
_LABELS: Final = 490
"""How wide the column of titles is."""
_LONGEST_TITLE: Final = 70
"""How many characters fit in there."""
_BARS: Final = 320
_STEP: Final = 24
_BAR: Final = 14
_MARGIN: Final = 16

_STYLE: Final = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.head { font-weight: 600; font-size: 15px; }
.faint { fill: #59636e; }
.end { text-anchor: end; }
.bar { fill: #8c959f; }
.ours { fill: #0969da; }
.missed { fill: #bc4c00; }
.line { stroke: #59636e; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .faint { fill: #9198a1; }
  .bar { fill: #6e7681; }
  .ours { fill: #4493f8; }
  .missed { fill: #f0883e; }
  .line { stroke: #9198a1; }
}
"""

Results = Mapping[str, Sequence[Result]]


class Bar(NamedTuple):
    """A line of the picture."""

    label: str
    size: float
    text: str
    look: str


class Panel(NamedTuple):
    """Bars that are drawn to one scale; 1 is where the line is that they are read against."""

    title: str
    bars: Sequence[Bar]
    most: float
    """What fills the whole width; longer bars end there."""


def _speeds_in(rows: Sequence[Result]) -> dict[str, float]:
    """How many requests each server answers with the CPU that bare FastAPI takes for one."""
    served = [row for row in rows if row.where == "served" and row.figures_unit == "us"]
    taken = {name: each for row in served for name, each in row.figures.items()}
    base = taken.get(BARE)
    return {name: base / each for name, each in taken.items() if _is_shown(name)} if base else {}


def _is_shown(name: str) -> bool:
    return name in PEERS or name.startswith(OURS)


def _speeds(results: Results) -> Panel:
    speeds = {name: speed for rows in results.values() for name, speed in _speeds_in(rows).items()}
    ordered = sorted(speeds.items(), key=lambda each: -each[1])
    bars = [Bar(name, speed, f"{shown(speed)} x", _look(name)) for name, speed in ordered]
    return Panel(
        f"Requests answered with the CPU of one of {BARE} (longer is better)", bars, max([1.0, *speeds.values()])
    )


def _look(name: str) -> str:
    return "ours" if name.startswith(OURS) else "bar"


def _targets(results: Results) -> Panel:
    """Every row that has a target, as a share of it; one that is missed goes beyond the line."""
    rows = [row for each in results.values() for row in each]
    bars = [bar for row in rows if (bar := _target_bar(row))]
    return Panel("What was measured against its target, the line (shorter is better)", bars, 1.3)


def _cut(title: str) -> str:
    """A title that fits its column."""
    return title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…"


def _target_bar(row: Result) -> Bar | None:
    if row.target is None:
        return None
    share = row.target / row.value if row.is_least else row.value / row.target
    label = _cut(f"{row.title}, {row.where}" if row.where else row.title)
    text = f"{shown(row.value)} of {'at least' if row.is_least else 'at most'} {shown(row.target)} {row.unit}"
    return Bar(label, share, text, "ours" if row.holds else "missed")


def _drawn_bar(bar: Bar, y: int, most: float) -> Iterator[str]:
    width = max(_BARS * min(bar.size, most) / most, 1)
    yield f'<text class="end" x="{_LABELS - 10}" y="{y + 12}">{escape(bar.label)}</text>'
    yield f'<rect class="{bar.look}" x="{_LABELS}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
    yield f'<text class="faint" x="{_LABELS + _BARS + 10}" y="{y + 12}">{escape(bar.text)}</text>'


def _drawn_panel(panel: Panel, top: int) -> Iterator[str]:
    yield f'<text class="head" x="{_MARGIN}" y="{top + 16}">{escape(panel.title)}</text>'
    for at, bar in enumerate(panel.bars, 1):
        yield from _drawn_bar(bar, top + _STEP * at + 4, panel.most)
    x, bottom = _LABELS + _BARS / panel.most, top + _STEP * (len(panel.bars) + 1)
    yield f'<path class="line" d="M{x:.1f} {top + _STEP}V{bottom}"/>'


def drawn(results: Results) -> str:
    """The picture, as SVG that stands alone; it is light or dark as the reader's system is."""
    lines: list[str] = []
    top = _MARGIN
    for panel in (_speeds(results), _targets(results)):
        lines += _drawn_panel(panel, top)
        top += _STEP * (len(panel.bars) + 1) + 2 * _MARGIN
    size = f'width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}"'
    begin = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="Speed of Slice API">'
    return "\n".join([begin, f"<style>{_STYLE}</style>", *lines, "</svg>", ""])
