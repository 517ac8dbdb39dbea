"""The network by whose features papers compare sets of images.

Axes: B images, C channels.
"""

import numpy as np

from keras_igpt.annotations import Array, ArrayLike, PathLike

# Features of an image: the last average over places.
NUM_FEATURES = 2048

# Images that are enlarged and read at once.
_AT_ONCE = 32


class InceptionFeatures:
    """Features of images by Inception, as published Fréchet distances have.

    That of December 2015, with images enlarged as TensorFlow 1 did (Heusel et
    al. 2017, https://arxiv.org/abs/1706.08500), through torch-fidelity
    (Obukhov et al. 2020), which fetches the weights, 91 MiB, once.

    Args:
        weights: a file of weights in PyTorch's format in place of these.

    Raises:
        ImportError: if torch-fidelity, or what it needs, is not installed.
    """

    def __init__(self, weights: PathLike | None = None) -> None:
        try:
            from torch_fidelity import feature_extractor_inceptionv3 as network
        # Of versions that do not fit, torchvision raises a RuntimeError.
        except (ImportError, RuntimeError) as error:
            raise ImportError(
                "torch-fidelity must be installed for the features of "
                "Inception, with versions of torch and torchvision that "
                "belong together. Call `pip install 'keras_igpt[fid]'`. "
                f"Received: {error}."
            ) from error
        self.network = network.FeatureExtractorInceptionV3(
            "inception-v3-compat",
            [str(NUM_FEATURES)],
            feature_extractor_weights_path=weights and str(weights),
        )

    def __call__(self, images: ArrayLike) -> Array:
        """float64 array of shape `(B, 2048)`, of uint8 images.

        Args:
            images: array of shape `(B, height, width, C)`, where C is 1 or 3;
                grey is repeated.
        """
        import torch

        images = np.asarray(images, "uint8")
        if images.ndim != 4 or images.shape[-1] not in (1, 3):
            raise ValueError(
                "`images` must have the shape `(batch, height, width, 1 or "
                f"3)`. Received: shape {images.shape}."
            )
        images = np.broadcast_to(images, (*images.shape[:-1], 3))
        found = [np.empty((0, NUM_FEATURES))]
        with torch.no_grad():
            for i in range(0, len(images), _AT_ONCE):
                some = images[i : i + _AT_ONCE].transpose(0, 3, 1, 2).copy()
                found.append(self.network(torch.from_numpy(some))[0].numpy())
        return np.concatenate(found).astype("float64")
