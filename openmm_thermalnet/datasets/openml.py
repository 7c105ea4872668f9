"""Images of OpenML, downloaded once by scikit-learn."""

from __future__ import annotations

import warnings
from http.client import HTTPException

import numpy as np

from openmm_thermalnet.datasets.images import ImagePool
from openmm_thermalnet.errors import InputError


def fetch_pool(name: str, origin: str, otherwise: str) -> ImagePool:
    """Fetch version 1 of an OpenML dataset of bytes with classes 0 to 9.

    Parameters
    ----------
    name : str
        What OpenML calls it.
    origin : str
        What messages call it.
    otherwise : str
        What to do without a network.

    Raises
    ------
    InputError
        If it cannot be downloaded.
    """
    from sklearn.datasets import fetch_openml

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it tries again
            images, classes = fetch_openml(
                name, version=1, return_X_y=True, as_frame=False, n_retries=1
            )
    except (OSError, HTTPException) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"source='openml' cannot be downloaded ({reason}); connect to the network, or "
            f"{otherwise}"
        ) from error
    return ImagePool(images.astype(np.uint8), classes.astype(np.uint8), 255, origin)
