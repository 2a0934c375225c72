"""Progress bars for long work."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tqdm.auto import tqdm


def with_progress(items: Iterable, label: str, *, total: int, wanted: bool = True) -> Iterable:
    """Go through items under a bar that shows once the work has taken a second and goes when it is done.

    TQDM_DISABLE in the environment silences it: tqdm's own bar for notebooks overlooks that variable.
    """
    silent = not wanted or "TQDM_DISABLE" in os.environ
    return tqdm(items, desc=label, total=total, delay=1, leave=False, disable=silent)
