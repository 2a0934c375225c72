"""Which notes and candidates do simulated films get: `python tests/benchmarks/film_notes.py`.

One row for each film: how far its rates are from those of the bulk, what the notes say where the description
knows the film, and what the pattern of the residuals names where it does not, over several seeds.
"""

import sys
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

import test_rate_notes as films  # noqa: E402

from helpers.film import notes  # noqa: E402
from helpers.uncertainty import candidates  # noqa: E402

SEEDS = 3
films.T = np.arange(-40, 1200) / 4


def ratios(fit) -> str:
    return " ".join(
        f"{name} × {fit.values[name] * 1e9 / rate:.2f}"
        for name, rate in zip(("k1", "k2", "k3"), films.RATES, strict=True)
    )


def main() -> None:
    """Print both tables."""
    for name, (truth, facts, wanted) in films.FILMS.items():
        found = [films.measured(truth, facts, seed=seed) for seed in range(SEEDS)]
        named = [{note.subject for note in notes(fit) if note.matters} for fit in found]
        right = sum(each == set(wanted) for each in named)
        print(
            f"{name:24} {ratios(found[0])}; notes {right} of {SEEDS}: {', '.join(sorted(named[0])) or 'none'}"
        )
    for name, truth in films.SURPRISES.items():
        found = [films.measured(truth, {}, seed=seed, says=False) for seed in range(SEEDS)]
        lists = [[each.cause for each in candidates(fit)] for fit in found]
        right = sum(films.CAUSES[name] in each for each in lists)
        print(f"{name:28} {ratios(found[0])}; named {right} of {SEEDS}: {', '.join(lists[0])}")


if __name__ == "__main__":
    main()
