"""Keras on a backend that the user may choose."""

from __future__ import annotations

import os


def keras_module():
    """Import Keras and return it: on the backend that KERAS_BACKEND names, or on JAX if it names none."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    return keras
