"""Draw docs/fit.png, the picture of a fit on the project's front page: `python docs/make_fit_picture.py`."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")

from helpers import fitting, plots
from helpers.paths import DATA
from helpers.traces import load_trace
from helpers.units import rates_in_cgs

HERE = Path(__file__).parent


def main(path: Path = HERE / "fit.png") -> None:
    """Fit the sample decay and write the figure."""
    plots.use_style()
    decay = load_trace(DATA / "sample_data.csv", t_unit="ns", signal_unit="10^16 cm^-3").from_peak()
    fit = fitting.fit(decay)
    upper, _ = plots.plot_fit(fit, scale="loglog")
    units = (r"s$^{-1}$", r"cm$^3$ s$^{-1}$", r"cm$^6$ s$^{-1}$")
    rates = rates_in_cgs(fit.rates, decay.t_unit, decay.signal_unit)[1:]
    lines = [
        f"k{k} = {_power(rate)} {unit}" for k, (rate, unit) in enumerate(zip(rates, units, strict=True), 1)
    ]
    upper.text(0.04, 0.08, "\n".join(lines), transform=upper.transAxes, linespacing=1.6)
    upper.figure.savefig(path, dpi=110, metadata={"Software": None})


def _power(value: float) -> str:
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa}·10$^{{{int(exponent)}}}$"


if __name__ == "__main__":
    main()
