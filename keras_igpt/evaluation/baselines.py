"""What edits without a model give: the baselines that a model must beat.

Axes: B images, C channels.
"""

from collections.abc import Callable

import numpy as np

from keras_igpt.annotations import Array
from keras_igpt.evaluation.distances import check_scipy
from keras_igpt.images.arrays import slices

# Radius in pixels of what OpenCV's inpainting looks at.
RADIUS = 3

# Strengths of non-local means to choose from.
STRENGTHS = (3, 5, 7, 10, 15, 20)

# Numbers of training images that are compared at once: 1024 of 64x64 in colour.
CHUNK = 1024 * 64 * 64 * 3


def inpainted(images: Array, masks: Array) -> dict[str, Array]:
    """Holes filled by OpenCV.

    Args:
        images: uint8 array of shape `(B, height, width, C)`.
        masks: bool array of shape `(B, height, width)`, True in the holes.

    Returns:
        dict of uint8 arrays of the shape of `images`: "Telea" (Telea 2004)
        and "Navier-Stokes" (Bertalmio et al. 2001).
    """
    cv2 = _opencv()
    methods = {
        "Telea": cv2.INPAINT_TELEA,
        "Navier-Stokes": cv2.INPAINT_NS,
    }
    return {
        name: _each(
            lambda image, mask: cv2.inpaint(
                image, mask.astype("uint8"), RADIUS, method
            ),
            images,
            masks,
        )
        for name, method in methods.items()
    }


def enlarged(images: Array, size: tuple[int, int]) -> dict[str, Array]:
    """Images enlarged by OpenCV.

    Args:
        images: uint8 array of shape `(B, rows, columns, C)`.
        size: height and width.

    Returns:
        dict of uint8 arrays of shape `(B, *size, C)`: "bicubic", "Lanczos".
    """
    cv2 = _opencv()
    methods = {"bicubic": cv2.INTER_CUBIC, "Lanczos": cv2.INTER_LANCZOS4}
    return {
        name: _each(
            lambda image: cv2.resize(image, size[::-1], interpolation=method),
            images,
        )
        for name, method in methods.items()
    }


def denoised(images: Array, strength: float) -> Array:
    """Images after OpenCV's non-local means (Buades et al. 2005).

    Args:
        images: uint8 array of shape `(B, height, width, C)`.
        strength: in levels.

    Returns:
        uint8 array of the same shape.
    """
    cv2 = _opencv()
    if images.shape[-1] == 3:
        return _each(
            lambda image: cv2.fastNlMeansDenoisingColored(
                image, None, strength, strength
            ),
            images,
        )
    return _each(
        lambda image: cv2.fastNlMeansDenoising(image, None, strength), images
    )


def nearest(
    sources: Array,
    train_images: Array,
    view: Callable[[Array], Array] = lambda images: images,
) -> Array:
    """The training image that fits what is known best, for each source.

    Args:
        sources: uint8 array of shape `(B, height, width, C + 1)`, as
            `keras_igpt.edits` makes them.
        train_images: uint8 array of shape `(T, height, width, C)`.
        view: function of some of them to what is compared with the sources,
            of the same shape. Default: the images themselves.

    Returns:
        uint8 array of shape `(B, height, width, C)`.
    """
    known = np.broadcast_to(sources[..., -1:] > 0, sources[..., :-1].shape)
    known = known.reshape(len(sources), -1).astype("float32")
    # Around grey: sums of squares then lose less to rounding.
    wanted = sources[..., :-1].reshape(len(sources), -1) - np.float32(127.5)
    wanted = wanted * known
    best = np.zeros(len(sources), int)
    least = np.full(len(sources), np.inf)
    for rows in slices(train_images, max(1, CHUNK // known.shape[1])):
        chunk = view(train_images[rows]).reshape(-1, known.shape[1])
        chunk = chunk - np.float32(127.5)
        distance = known @ (chunk**2).T - 2 * wanted @ chunk.T
        places = distance.argmin(axis=1)
        smallest = distance[np.arange(len(places)), places]
        best = np.where(smallest < least, rows.start + places, best)
        least = np.minimum(smallest, least)
    return train_images[best]


def _each(change, *arrays):
    """`change` of each image; OpenCV forgets an only channel."""
    shown = arrays[0][..., 0] if arrays[0].shape[-1] == 1 else arrays[0]
    rows = zip(np.ascontiguousarray(shown), *arrays[1:])
    changed = np.stack([change(*row) for row in rows])
    return changed[..., None] if changed.ndim == 3 else changed


def check_packages() -> None:
    """Raises an ImportError that says what to install, if needed."""
    _opencv()
    check_scipy()


def _opencv():
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            "OpenCV must be installed to compare edits with. Call "
            "`pip install 'keras_igpt[evaluation]'`."
        ) from error
    return cv2
