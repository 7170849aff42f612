"""The uptime of many days as a drawing: a bar for each, those with downtime taller and in another colour."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

_FAIR: Final = 0.95
"""From this part of a day on it was only partly down."""


def bars(days: Sequence[float | None], first_day: date) -> str:
    """The days from the first on as SVG; what a bar stands for is told in words where it is not wholly up."""
    up = "".join(f"M{_middle(at)} 8V28" for at, part in enumerate(days) if part == 1)
    unknown = "".join(f"M{_middle(at)} 20V28" for at, part in enumerate(days) if part is None)
    down = "".join(
        _down(at, part, first_day + timedelta(days=at)) for at, part in enumerate(days) if part is not None and part < 1
    )
    return (
        f'<svg class="bars" viewBox="0 0 {4 * len(days)} 28" preserveAspectRatio="none" role="img" '
        f'aria-label="{_label(days)}">'
        f'<path class="unknown" d="{unknown}"/><path class="up" d="{up}"/>{down}</svg>'
    )


def _middle(at: int) -> float:
    return 4 * at + 1.5


def _down(at: int, part: float, day: date) -> str:
    kind = "part" if part >= _FAIR else "bad"
    title = f"{day:%-d %b %Y}: {part * 100:.2f} % up"
    return f'<path class="{kind}" d="M{_middle(at)} 0V28"><title>{title}</title></path>'


def _label(days: Sequence[float | None]) -> str:
    unknown = sum(part is None for part in days)
    down = sum(part is not None and part < 1 for part in days)
    return (
        f"Uptime of the last {len(days)} days: {len(days) - unknown - down} without downtime, {down} with downtime, "
        f"{unknown} unknown"
    )
