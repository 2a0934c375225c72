"""What is known of the film and the excitation beside what the fit itself needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from helpers.description import Film, keys
from helpers.measurement.arguments import checked


@dataclass(frozen=True)
class Sample(Film):
    """Facts about film, spot and counting that no fit uses, but that say what its rates hold.

    None where nothing is said. They are called as the keys of a description, see `keys.FILM`,
    `keys.FILM_MORE` and `keys.TOP`.

    Examples
    --------
    >>> Sample(thickness_nm=300, diffusion_cm2_s=0.05)
    Sample(thickness_nm=300, diffusion_cm2_s=0.05)
    """

    p0_cm3: float | None = None
    spot_diameter_um: float | None = None
    collected_diameter_um: float | None = None
    count_rate_Hz: float | None = None  # noqa: N815  as the key of the file

    def __repr__(self) -> str:
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        words = [f"{name}={value:g}" for name, value in known.items() if value is not None]
        return f"Sample({', '.join(words)})"


def sample_of(film: Mapping[str, float] | None, **others: float | None) -> Sample:
    """Return the facts of a film's mapping and of other arguments, each checked as its key is.

    Raises
    ------
    ValueError
        For a number that its key does not take; names it.

    Examples
    --------
    >>> sample_of({"thickness_nm": 300}, count_rate_Hz=5e4)
    Sample(thickness_nm=300, count_rate_Hz=50000)
    """
    known = {each.name for each in fields(Sample)}
    given = {name: value for name, value in dict(film or {}).items() if name in known}
    table = {
        name: checked(f"film: {name}", value, keys.FILM_TABLE[name].check) for name, value in given.items()
    }
    rest = {name: checked(name, value) for name, value in others.items()}
    return Sample(**{name: value for name, value in (table | rest).items() if value is not None})
