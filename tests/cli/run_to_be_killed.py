"""Trains the smallest of runs in a process of its own, for others to kill.

    python run_to_be_killed.py FOLDER OPTIONS

OPTIONS is JSON: those of `small_models.train`, and "scale": that of the loss
in half precision, with which the first steps are left out.
"""

import json
import pathlib
import sys

import keras
from small_models import smallest, train

from keras_igpt.cli.training import new_model
from keras_igpt.training.schedule import default_optimizer


def main(folder, options):
    options = json.loads(options)
    scale = options.pop("scale", None)
    if scale:
        new_model.default_optimizer = lambda *how: (
            keras.optimizers.LossScaleOptimizer(default_optimizer(*how), scale)
        )
    resume = (pathlib.Path(folder) / "config.json").exists()
    print("begun", flush=True)
    with smallest():
        train(folder, resume=resume, **({} if resume else options))


if __name__ == "__main__":
    main(*sys.argv[1:])
