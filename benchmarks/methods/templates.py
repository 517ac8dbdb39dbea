"""Methods without weights: histograms, retrieval, template matching."""

import numpy as np

from benchmarks.methods.method import Method

# Patches of template matching, their shared border, and how many training
# images are tried for each.
PATCH, OVERLAP, TRIED = 8, 3, 64


class Histogram(Method):
    """Each pixel on its own, as often as in the class."""

    NAME = "histogram per class and pixel"
    CANNOT = "know of two pixels at once"

    def fit(self, minutes):
        images, labels = self.data.train
        self.counts = np.stack(
            [
                [
                    (images[labels == label] == level).sum(0)
                    for level in self.data.levels
                ]
                for label in range(self.data.num_classes)
            ]
        )  # (classes, levels, height, width, C)

    def _chances(self):
        counts = self.counts + 1.0  # Laplace's
        return counts / counts.sum(1, keepdims=True)

    def generate(self, labels, seed):
        generator = np.random.default_rng(seed)
        chances = np.cumsum(self.counts, 1) / self.counts.sum(1, keepdims=True)
        made = []
        for label in labels:
            uniforms = generator.random(self.data.image_shape)
            places = (chances[label] <= uniforms).sum(0)
            made.append(self.data.levels[places])
        return np.stack(made)

    def bits_per_pixel(self, images, labels):
        chances = np.log2(self._chances())
        places = np.searchsorted(self.data.levels, images)
        total = 0.0
        for place, label in zip(places, labels):
            own = np.take_along_axis(chances[label], place[None], 0)
            total -= own.sum()
        height, width, _ = self.data.image_shape
        return float(total / len(images) / (height * width))


class Retrieval(Method):
    """A training image of the class."""

    NAME = "a training image of the class"
    CANNOT = "make anything new; score"

    def fit(self, minutes):
        images, labels = self.data.train
        self.of_class = [
            images[labels == label] for label in range(self.data.num_classes)
        ]

    def generate(self, labels, seed):
        generator = np.random.default_rng(seed)
        return np.stack(
            [
                self.of_class[label][
                    generator.integers(len(self.of_class[label]))
                ]
                for label in labels
            ]
        )


class TemplateMatching(Retrieval):
    """Patches of training images of the class that fit what is there.

    Image quilting (Efros and Freeman 2001) with each patch at its own place:
    of some training images the one whose border is most like what is
    written.
    """

    NAME = "template matching of patches"
    CANNOT = "make a patch that is not there; score"

    def generate(self, labels, seed):
        generator = np.random.default_rng(seed)
        return np.stack([self._quilt(label, generator) for label in labels])

    def _quilt(self, label, generator):
        known = self.of_class[label]
        height, width, _ = self.data.image_shape
        made = np.zeros(self.data.image_shape, "uint8")
        done = np.zeros((height, width), bool)
        stride = PATCH - OVERLAP
        for top in range(0, height, stride):
            for left in range(0, width, stride):
                place = (
                    slice(top, min(top + PATCH, height)),
                    slice(left, min(left + PATCH, width)),
                )
                some = known[generator.integers(len(known), size=TRIED)]
                patches = some[:, place[0], place[1]].astype("float32")
                apart = (patches - made[place].astype("float32")) ** 2
                apart = (apart.sum(-1) * done[place]).sum((1, 2))
                new = ~done[place]
                made[place][new] = patches[apart.argmin()][new]
                done[place] = True
        return made
