"""Short texts of a panel as HTML: units with raised powers, the share that each process has in a decay."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import numpy as np

from helpers.plots.style import COLOURS

PROCESSES = {"trap": COLOURS["blue"], "radiative": COLOURS["vermilion"], "Auger": COLOURS["green"]}


def raised(text: str) -> str:
    """Return a unit's text as HTML, powers raised.

    Examples
    --------
    >>> raised("10^16 cm^-3")
    '10<sup>16</sup> cm<sup>-3</sup>'
    """
    return re.sub(r"\^([+-]?\d+)", r"<sup>\1</sup>", html.escape(text))


def shares_text(shares: Sequence[float] | np.ndarray) -> str:
    """Write which share of the decay each of the PROCESSES carries."""
    parts = (f"{name} {share:.1%}" for name, share in zip(PROCESSES, shares, strict=True))
    return "decay by " + ", ".join(parts)


def share_bar(shares: Sequence[float] | np.ndarray) -> str:
    """Return HTML of a bar that is divided as the PROCESSES share the decay."""
    pieces = "".join(
        f'<div style="width:{100 * share:.1f}%;background:{colour}"></div>'
        for colour, share in zip(PROCESSES.values(), shares, strict=True)
    )
    return f'<div style="display:flex;height:8px;background:#ddd">{pieces}</div>'
