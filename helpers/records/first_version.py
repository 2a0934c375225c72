"""Files of workbook 1.0.0: fits of the rate law to one density trace, as entries of today's format."""

from __future__ import annotations

from helpers import entries
from helpers.kinetics import RATES, RateLaw
from helpers.records.matching import NOT_SAID
from helpers.records.record import FORMAT

FIRST_FORMAT = "recombination-workbook fit, version 1"
_DATA = ("name", "points", "first_time", "last_time", "t_unit", "signal_unit", "sha256")


def as_second_version(content: dict) -> dict:
    """Return the entries of a file of the first version as those of the second.

    Raises
    ------
    ValueError
        Where an entry is missing or of the wrong kind; names it.
    """
    entries.text(content, "format", choices=(FIRST_FORMAT,))
    data = {name: entries.take(content, "data", name) for name in _DATA}
    optimized = {name: _parameter(content, name) for name in (*RATES, "n0")}
    guess = {name: entries.not_negative(content, "guess", name) for name in RATES}
    return {
        "format": FORMAT,
        "law": {"kind": "rate law", "name": RateLaw().key, "parameters": [*RATES], "source_hash": None},
        "measurement": {
            "name": data["name"],
            "kind": None,
            "observable": "density",
            "function": None,
            "p0": 0.0,
            "sign": 1,
            "noise": NOT_SAID,
            "density_unit": data["signal_unit"],
            "n0": {"mode": "free", "values": None},
            "scale": {"mode": "fixed", "values": [1.0]},
            "offset": {"mode": "fixed", "values": [0.0]},
            "time_zero": [data["first_time"]],
            "response_fwhm": None,
            "repetition_period": None,
            "fluence_error_percent": None,
            "traces": [data],
        },
        "guess": guess | {"n0": optimized["n0"]["value"]},
        "optimized": optimized,
        **{name: entries.take(content, name) for name in ("cost", "rmse", "loss", "converged", "message")},
        "f_scale": 1.0,
        "versions": entries.texts(content, "versions"),
    }


def _parameter(content: dict, name: str) -> dict:
    value = entries.not_negative(content, "optimized", name, "value")
    status, error = (entries.take(content, "optimized", name, entry) for entry in ("status", "stderr"))
    if error is None and status == "free":
        error = "infinity"  # the first version wrote null for it
    unit = entries.text(content, "optimized", name, "unit")
    return {"value": value, "stderr": error, "status": status, "unit": unit}
