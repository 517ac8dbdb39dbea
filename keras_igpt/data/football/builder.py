"""The football images as a TFDS data set, drawn when it is prepared."""

import dataclasses
import io

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from keras_igpt.data.football import captions, scenes

IMAGES = ("image", "layout", "twin")


@dataclasses.dataclass(eq=False, kw_only=True)
class FootballConfig(tfds.core.BuilderConfig):
    """How many images, and how large.

    Args:
        name: str. Configurations that differ need different names.
        image_size: int.
        counts: dict, number of images of each split.
        seed: int. Another one makes other images.
    """

    image_size: int = 64
    counts: dict = dataclasses.field(
        default_factory=lambda: dict(scenes.SPLITS)
    )
    seed: int = 0


class Football(tfds.core.GeneratorBasedBuilder):
    """Drawn football images with captions, attributes, maps and twins.

    "image" is the drawing, "layout" its map of labels and "twin" the same
    scene in the kit "twin_kit". The other features are those of
    `scenes.example`.
    """

    VERSION = tfds.core.Version("1.3.1")
    BUILDER_CONFIGS = [
        FootballConfig(name="64"),
        FootballConfig(name="128", image_size=128),
    ]

    def _info(self):
        side = self.builder_config.image_size
        features = {
            **{name: _feature(captions.VOCABULARY[name]) for name in _NAMES},
            "twin_kit": _feature(captions.VOCABULARY["kit"]),
            "text": tfds.features.Text(),
            "word": tfds.features.Text(),
        }
        for name in IMAGES:
            features[name] = tfds.features.Image(
                shape=(side, side, 3), encoding_format="png"
            )
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "kit"),
        )

    def _split_generators(self, dl_manager):
        counts = self.builder_config.counts
        return {split: self._generate_examples(split) for split in counts}

    def _generate_examples(self, split):
        config = self.builder_config
        examples = scenes.scenes(
            split,
            config.counts[split],
            seed=config.seed,
            image_size=config.image_size,
        )
        for index, example in enumerate(examples):
            images = {name: _as_png(example[name]) for name in IMAGES}
            yield index, {**example, **images}


_NAMES = tuple(captions.VOCABULARY)


def _feature(values):
    if isinstance(values[0], str):
        return tfds.features.ClassLabel(names=values)
    return tfds.features.Scalar(
        np.bool_ if isinstance(values[0], bool) else np.int32
    )


def _as_png(image):
    """A file in memory: quicker than to let TFDS encode each image."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    file.seek(0)
    return file
