"""keras_igpt: one decoder-only Transformer that paints pictures."""

from keras_igpt import data, openai
from keras_igpt.callbacks import SampleImages, averaged_weights
from keras_igpt.classifier import ImageGPTClassifier
from keras_igpt.files import load
from keras_igpt.model import ImageGPT
from keras_igpt.palette import PaletteTokenizer
from keras_igpt.training import BitsPerPixel, TokenCrossentropy, TrainingBudget
from keras_igpt.version import __version__
from keras_igpt.vq import VQTokenizer

__all__ = [
    "BitsPerPixel",
    "ImageGPT",
    "ImageGPTClassifier",
    "PaletteTokenizer",
    "SampleImages",
    "TokenCrossentropy",
    "TrainingBudget",
    "VQTokenizer",
    "__version__",
    "averaged_weights",
    "data",
    "load",
    "openai",
]
