"""Fits small models; a program that tests run in processes of their own.

    python fit_on_replicas.py '{"distribute": "mirrored", "devices": 2,
    "kinds": ["raster"], "out": "folder"}'

writes what each kind of model is in the end, `raster.npz` and so on.
"""

import json
import os
import pathlib
import sys

import numpy as np

# What draws, clips, averages and weighs. `rules` are those of AdamW, None for
# the optimizer of new models; the others, but for `precision`, are arguments of
# `ImageGPT`.
KINDS = {
    "raster": {"rules": {"use_ema": True, "ema_momentum": 0.9}},
    "edits": {"edits": ["inpaint", "upscale"]},
    "any": {"order": "any", "rules": None},
    "bert": {"objective": "bert"},
    "half": {"precision": "mixed_float16"},
    "dropout": {"dropout": 0.1},
    "accumulated": {"rules": {"gradient_accumulation_steps": 2}},
    "overwritten": {"rules": {"use_ema": True, "ema_overwrite_frequency": 2}},
}


def main(out, kinds, distribute=None, devices=1, model_devices=1, **fit):
    if distribute == "jax":
        os.environ["XLA_FLAGS"] = (
            f"--xla_force_host_platform_device_count={devices}"
        )
    elif devices > 1:
        import tensorflow as tf

        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * devices,
        )
    import keras

    from keras_igpt.training.distributed.strategies import new_strategy
    from keras_igpt.training.distributed.workers import fit_scope, scope

    strategy = new_strategy(distribute, model_devices)
    for kind in kinds:
        keras.utils.set_random_seed(0)
        with scope(strategy):
            model = new_model(**KINDS[kind])
        with fit_scope(strategy):
            found = fitted(model, kind == "raster", **fit)
        np.savez(pathlib.Path(out) / f"{kind}.npz", **found)


def new_model(rules=(), precision="float32", **asked):
    """A compiled model for digits of 8x8 pixels."""
    import keras

    import keras_igpt

    model = keras_igpt.ImageGPT(
        keras_igpt.PaletteTokenizer((8, 8), 17, channels=1),
        num_classes=10,
        dtype=precision,
        **{"num_layers": 2, "num_heads": 2, "hidden_dim": 32, **asked},
    )
    if rules is None:
        model.compile()
        return model
    rules = {"learning_rate": 1e-3, "global_clipnorm": 0.5, **dict(rules)}
    model.compile(keras.optimizers.AdamW(**rules))
    return model


def fitted(model, whole, batch_size=16, images=128):
    """Figures of each step and, with `whole`, of what is made in the end."""
    import keras

    import keras_igpt

    class Losses(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            losses.append(float(logs["loss"]))

    losses = []
    digits = keras_igpt.data.load("digits").take(images + 3)
    batches = model.prepare(digits.take(images), batch_size)
    # The last batch is smaller.
    held_out = model.prepare(digits, batch_size, shuffle=False)
    history = model.fit(
        batches, epochs=7 if whole else 2, verbose=0, callbacks=[Losses()]
    )
    found = {
        "losses": losses,
        "bits": history.history["bits_per_pixel"],
        "kernel": keras.ops.convert_to_numpy(
            keras.ops.convert_to_tensor(model.head.kernel)
        ),
    }
    if model.config["dropout"]:
        found["seeds"] = [
            copy.numpy()[0]
            for layer in model._flatten_layers()
            if isinstance(layer, keras.layers.Dropout)
            for copy in model.distribute_strategy.experimental_local_results(
                layer.seed_generator.state.value
            )
        ]
    if keras.backend.backend() == "jax":
        found["shares"] = [share(weight) for weight in model.trainable_weights]
        found["kept"] = [
            share(weight) for weight in model.optimizer.variables[2:]
        ]
    if not whole:
        return found
    found["scores"] = model.score_tokens(held_out.inputs)
    if keras.backend.backend() == "tensorflow":
        found["evaluated"] = model.evaluate(held_out, verbose=0)
        found["logits"] = model.predict(held_out, verbose=0)
    return found


def share(weight):
    """How much of a weight a device has, from 0 to 1."""
    return weight.value.addressable_shards[0].data.size / weight.value.size


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
