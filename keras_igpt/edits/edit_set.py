"""The edits of a model: their numbers, and training images for them."""

from collections.abc import Sequence

import numpy as np

from keras_igpt.annotations import Array, Tensor
from keras_igpt.edits.kinds import EDITS, Edit

# Other names for what a mask is good for.
ALIASES = {"outpaint": "inpaint", "replace": "inpaint"}


class EditSet:
    """The edits that a model has learned, by number; 0 is to generate.

    Args:
        names: tuple of str, keys of `EDITS`. "restyle" may come several
            times, each with a style behind a slash, as "restyle/layout".
        image_shape: tuple, the model's height, width and C.
    """

    # Share of the images to be edited that nothing is said of: images to
    # be repaired often come without words. Pairs keep theirs, for what to
    # make of an image is often said in words.
    silent = 0.5

    def __init__(
        self, names: Sequence[str], image_shape: tuple[int, int, int]
    ) -> None:
        self.names = tuple(names)
        self.image_shape = tuple(image_shape)
        for name in self.names:
            self._check(name)
        # By number, as all edits are.
        self._of_pairs = np.array([False, *map(_is_of_pairs, self.names)])

    def __len__(self):
        return len(self.names)

    def find(
        self, name: str, style: str | None = None
    ) -> tuple[Edit, int | None]:
        """An edit and its number; "outpaint" and "replace" are "inpaint".

        A single style need not be named. "inpaint" needs not be learned: all
        models can keep cells; its number is None then.

        Raises:
            ValueError: if the model has not learned it.
        """
        name = ALIASES.get(name, name)
        full = name if style is None else f"{name}/{style}"
        styles = [other for other in self.names if other.startswith(f"{name}/")]
        if style is None and full not in self.names and styles:
            if len(styles) > 1:
                raise ValueError(
                    "`style` must say which edit is meant: "
                    f"{', '.join(s.partition('/')[2] for s in styles)}. "
                    f"Received: edit={name!r}, style=None."
                )
            full = styles[0]
        if full == "inpaint" and full not in self.names:
            return EDITS[full], None
        if full not in self.names:
            raise ValueError(
                f"`edit` must be one that the model has learned: "
                f"{', '.join(self.names) or 'it knows none'}. "
                f"Received: edit={name!r}, style={style!r}. "
                "Make a model with `ImageGPT(edits=…)`."
            )
        return EDITS[name.split("/")[0]], 1 + self.names.index(full)

    @property
    def columns(self) -> list[str]:
        """What training needs of each image, beside its tokens."""
        if any(self._of_pairs):
            return ["image", "other", "pair"]
        return ["image"] if self.names else []

    @property
    def shown(self) -> list[str]:
        """Images that training needs beside the tokens, by the data's keys."""
        pairs = ["source"] if any(self._of_pairs) else []
        return ["image", *pairs] if self.names else []

    def column(self, name: str, batch: int | Tensor) -> Array:
        """An array of one of `columns`, from a batch of data."""
        if name == "image":
            return batch["image"]
        if "source" not in batch:
            raise ValueError(
                "The data must be pairs of images for restyle. Received: "
                "no `source` in the data. Load pairs, such as "
                "'football/layout', or leave restyle out of `edits`."
            )
        if name == "other":
            return batch["source"]
        count = len(batch["image"])
        styles = batch.get("style", [None] * count)
        if "restyle" in self.names:
            styles = [None] * count
        # Images without another are there to be generated, 0.
        pairs = zip(styles, batch.get("paired", [True] * count))
        numbers = [self.find("restyle", s)[1] if p else 0 for s, p in pairs]
        return np.array(numbers, "int32")

    def draw(
        self,
        inputs: dict[str, Array],
        generator: np.random.Generator,
        nulls: dict[str, Array] | None = None,
        share: float = 0.5,
    ) -> dict[str, Array]:
        """Draws an edit for each training image, and hides accordingly.

        Args:
            inputs: dict of arrays with B rows, with `columns` among them.
            generator: `numpy.random.Generator`.
            nulls: dict of arrays with one row, of those inputs that say what
                to generate: what they are if nothing is said. Default: none.
            share: float. Share of the images that are edited; of the
                others nothing is known.

        Returns:
            dict of the other inputs; of `"edit"`, int32 numbers `(B,)`; and
            of `"source"`, uint8 `(B, height, width, C + 1)`.
        """
        inputs = dict(inputs)
        shown = {name: inputs.pop(name) for name in self.columns}
        images = shown["image"]
        numbers = self._draw_numbers(shown.get("pair"), len(images), generator)
        edited = generator.random(len(images)) < share
        numbers = np.where(edited, numbers, 0).astype("int32")
        source = np.zeros((*images.shape[:3], images.shape[3] + 1), "uint8")
        for number in set(numbers) - {0}:
            some = numbers == number
            edit = EDITS[self.names[number - 1].split("/")[0]]
            seen = (shown["other"] if self._of_pairs[number] else images)[some]
            source[some] = edit.hide(seen, generator)
        quiet = generator.random(len(images)) < self.silent
        quiet &= (numbers > 0) & ~self._of_pairs[numbers]
        for name, null in (nulls or {}).items():
            rows = quiet.reshape(-1, *[1] * (inputs[name].ndim - 1))
            inputs[name] = np.where(rows, null, inputs[name])
        return {**inputs, "edit": numbers, "source": source}

    def _draw_numbers(self, pairs, count, generator):
        """Edits by number `(B,)`, one of them that of the image's pair."""
        own = [
            number
            for number, name in enumerate(self.names, 1)
            if not _is_of_pairs(name)
        ]
        choices = np.array([*own, *([-1] if pairs is not None else [])])
        numbers = generator.choice(choices, count)
        return (
            numbers if pairs is None else np.where(numbers < 0, pairs, numbers)
        )

    def _check(self, name):
        kind = name.split("/")[0]
        height, width, channels = self.image_shape
        if kind not in EDITS or "/" in name and kind != "restyle":
            rule = f"names of {', '.join(EDITS)}"
        elif kind == "upscale" and (height % 2 or width % 2):
            rule = "without upscale for images of odd size"
        elif kind == "colorize" and channels == 1:
            rule = "without colorize for grey images"
        else:
            return
        raise ValueError(
            f"`edits` must be {rule}. Received: edits={self.names!r} and "
            f"images of shape {self.image_shape}."
        )


def _is_of_pairs(name):
    return name.split("/")[0] == "restyle"
