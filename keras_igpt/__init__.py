"""keras_igpt: one decoder-only Transformer that generates images.

The public names stand in `__init__.pyi` and load when they are used, so that
`import keras_igpt` costs next to nothing. Keras finds the classes of a saved
file in its own registry only: where it is loaded already, they register here.
"""

import sys

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

if "keras" in sys.modules:
    for _name in (
        "ConvVQTokenizer",
        "ImageGPT",
        "ImageGPTClassifier",
        "PaletteTokenizer",
        "VQTokenizer",
    ):
        __getattr__(_name)
