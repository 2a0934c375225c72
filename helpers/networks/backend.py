"""Keras on a backend that the user may choose."""

from __future__ import annotations

import os


def keras_module():
    """Import Keras and return it: on the backend that KERAS_BACKEND names, or on JAX if it names none.

    Raises
    ------
    ModuleNotFoundError
        Where Keras or its backend is not installed; says how to install them.
    """
    backend = os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        import keras
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"{missing.name} is not installed, which the network studies need (Keras on {backend}); install"
            " both with python -m pip install keras jax",
            name=missing.name,
        ) from None
    return keras
