"""`keras-igpt` with the smallest of models, for tests in other processes."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

from small_models import smallest

from keras_igpt.cli import main

if __name__ == "__main__":
    # Steps of several workers must be compiled.
    with smallest(eagerly=False):
        main()
