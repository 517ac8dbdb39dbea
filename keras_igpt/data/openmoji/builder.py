"""OpenMoji's drawings as a TFDS data set, rasterised when it is prepared."""

import dataclasses
import io

import tensorflow_datasets as tfds
from PIL import Image

from keras_igpt.data.openmoji import drawings

IMAGES = ("image", "line")

_DESCRIPTION = """
Captioned drawings of emoji by OpenMoji, in colour and as black lines, on
white. Drawings of one concept (skin tones, genders, directions) are all in
one split. Licence of the drawings: CC BY-SA 4.0; images made from them must
name OpenMoji and be shared alike.
"""

_CITATION = """
@misc{openmoji,
  title = {OpenMoji, the open-source emoji and icon project},
  author = {{OpenMoji team, HfG Schw\\"abisch Gm\\"und}},
  howpublished = {https://openmoji.org},
  note = {Licence: CC BY-SA 4.0,
          https://creativecommons.org/licenses/by-sa/4.0/}
}
"""


@dataclasses.dataclass(eq=False, kw_only=True)
class OpenMojiConfig(tfds.core.BuilderConfig):
    """How large the images are.

    Args:
        name: str. Configurations that differ need different names.
        image_size: int.
    """

    image_size: int = 64


class OpenMoji(tfds.core.GeneratorBasedBuilder):
    """Captioned drawings of emoji, in colour and as black lines.

    The features are those of `drawings.examples`.
    """

    name = "openmoji"
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        OpenMojiConfig(name=str(side), image_size=side)
        for side in (32, 64, 128)
    ]

    def _info(self):
        side = self.builder_config.image_size
        names = ("text", "annotation", "tags", "concept", "subgroup", "hexcode")
        features = {name: tfds.features.Text() for name in names}
        features["group"] = tfds.features.ClassLabel(names=drawings.GROUPS)
        for name in IMAGES:
            features[name] = tfds.features.Image(
                shape=(side, side, 3), encoding_format="png"
            )
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "group"),
            homepage="https://openmoji.org",
            citation=_CITATION,
            license="CC BY-SA 4.0",
        )

    def _split_generators(self, dl_manager):
        return {
            split: self._generate_examples(split) for split in drawings.SPLITS
        }

    def _generate_examples(self, split):
        side = self.builder_config.image_size
        for example in drawings.examples(split, side):
            images = {name: _as_png(example[name]) for name in IMAGES}
            yield example["hexcode"], {**example, **images}


def builder(image_size: int = 64) -> OpenMoji:
    """The builder of images of a given size, an int."""
    if str(image_size) in OpenMoji.builder_configs:
        return OpenMoji(config=str(image_size))
    config = OpenMojiConfig(name=str(image_size), image_size=image_size)
    return OpenMoji(config=config)


def _as_png(image):
    """A file in memory: quicker than to let TFDS encode each image."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    file.seek(0)
    return file
