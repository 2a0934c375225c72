"""A figure as a file for a paper: vector or 300 dots an inch, fonts inside, the same bytes each time."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.paths import write_bytes

# Without a date, and with fixed names inside, a second run changes no byte of a file.
_METADATA = {
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
    ".png": {"Software": None},
}
_FONTS = {"pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "workbook"}
_DPI = 300


def save(figure: Figure | Axes, path: str | Path) -> Path:
    """Write a figure to a file whose ending says how: .svg or .pdf for lines, .png with 300 dots an inch.

    Parameters
    ----------
    figure : Figure or Axes
        Of axes, the whole figure is written.
    path : str or Path
        An existing file is replaced, whole or not at all; missing folders are made.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ValueError
        For another ending.
    OSError
        If the file cannot be written.

    Notes
    -----
    Fonts are embedded in a PDF as TrueType, which publishers ask for, and are outlines in an SVG, so that no
    reader needs them. `helpers.plots.use_style` with "column" makes figures as wide as a journal's column.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save(Figure(), Path(folder) / "fit.pdf").name
    'fit.pdf'
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in _METADATA:
        raise ValueError(f"{path.name}: give a name that ends with .svg, .pdf or .png")
    whole = figure if isinstance(figure, Figure) else figure.get_figure(root=True)
    if whole is None:
        raise ValueError("the axes belong to no figure any more; draw them again")
    file = io.BytesIO()
    with mpl.rc_context(_FONTS):
        whole.savefig(file, format=kind[1:], dpi=_DPI, metadata=_METADATA[kind])
    return write_bytes(path, file.getvalue())
