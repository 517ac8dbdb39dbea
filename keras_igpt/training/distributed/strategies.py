"""Several devices and machines: strategies, and what they ask for.

On TensorFlow it is `tf.distribute` that divides the work, on JAX
`keras.distribution`.
"""

import json
import os
from typing import Any

import keras

from keras_igpt.argument_checks import check_one_of, check_positive
from keras_igpt.training.distributed.workers import num_replicas

STRATEGIES = ("mirrored", "multiworker", "jax")

# Which side of a layer's weights is divided over devices, by their paths. Two
# projections behind each other are divided along the width between them, so
# that only their result is added up (Shoeybi et al. 2019,
# https://arxiv.org/abs/1909.08053, section 3).
DIVIDED_WEIGHTS = {
    r".*/(query_key_value|query|key_value|inner)/kernel": (None, "model"),
    r".*/(query_key_value|query|key_value|inner)/bias": ("model",),
    r".*/(attention|feed_forward)/output/kernel": ("model", None),
    r".*/token_embedding/embeddings": (None, "model"),
    r".*/head/kernel": ("model", None),
}


def new_strategy(name: str | None, model_devices: int = 1) -> Any:
    """Sets a process up to train with others of its kind.

    Of several workers each calls it, before anything else is computed, and
    waits for the others.

    Args:
        name: "mirrored": all devices of this machine, on TensorFlow.
            "multiworker": the machines that the variable `TF_CONFIG` names,
            on TensorFlow. "jax": all devices of this machine, on JAX. None:
            one device.
        model_devices: how many devices divide a model's weights between
            them; with "jax" alone.

    Returns:
        A `tf.distribute.Strategy` or a `keras.distribution.Distribution`,
        within whose `scope()` models are to be made and compiled; or None.

    Raises:
        ValueError: if backend, devices or variables are not what it needs.
    """
    check_one_of("distribute", name, (None, *STRATEGIES))
    check_positive("model_devices", model_devices)
    if name != "jax" and model_devices != 1:
        raise ValueError(
            "`--model-devices` must come with --distribute jax: TensorFlow "
            "keeps all weights on each device. Received: --model-devices "
            f"{model_devices} with --distribute {name}."
        )
    if name is None:
        return None
    backend = keras.backend.backend()
    wanted = "jax" if name == "jax" else "tensorflow"
    if backend != wanted:
        raise ValueError(
            f"Keras's backend must be {wanted} with `--distribute {name}`. "
            f"Received: the backend {backend}. Set the environment variable "
            f"KERAS_BACKEND={wanted}, or take another strategy."
        )
    if name == "jax":
        return _jax_distribution(model_devices)
    return _mirrored() if name == "mirrored" else _multiworker()


def _mirrored():
    import tensorflow as tf

    # Virtual ones count as well.
    devices = tf.config.list_logical_devices("GPU")
    devices = devices or tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        raise ValueError(
            "`--distribute mirrored` must find two devices at least. "
            f"Received: {[device.name for device in devices]}. Leave it out."
        )
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _multiworker():
    import tensorflow as tf

    check_cluster(os.environ.get("TF_CONFIG"))
    return tf.distribute.MultiWorkerMirroredStrategy()


def check_cluster(config: str | None) -> None:
    """Refuses what is not the `TF_CONFIG` of one of several workers.

    Args:
        config: the variable's value; None if it is not there.

    Raises:
        ValueError: if TensorFlow would fail, or wait for ever.
    """
    example = (
        'Set, on the first machine, TF_CONFIG=\'{"cluster": {"worker": '
        '["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": '
        "0}}', and index 1 on the second."
    )
    try:
        read = json.loads(config or "")
        cluster, task = read["cluster"], read["task"]
        kind, index = task["type"], int(task["index"])
        jobs = {name: len(list(hosts)) for name, hosts in cluster.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(
            "The environment variable TF_CONFIG must name the workers and "
            f"say which this one is. Received: {config!r}. {example}"
        ) from None
    trains = set(jobs) <= {"chief", "worker"} and sum(jobs.values()) > 1
    if not trains or not 0 <= index < jobs.get(kind, 0):
        raise ValueError(
            "The environment variable TF_CONFIG must name two workers at "
            "least, of the jobs `worker` and `chief`, and this one must be "
            f"among them. Received: {config!r}. {example}"
        )


def _jax_distribution(model_devices):
    distribution = keras.distribution
    devices = distribution.list_devices()
    if len(devices) % model_devices:
        raise ValueError(
            "`model_devices` must divide the number of devices. Received: "
            f"--model-devices {model_devices}, for {len(devices)} devices: "
            f"{', '.join(devices[:8])}."
        )
    if model_devices == 1:
        return distribution.DataParallel(
            devices=devices, auto_shard_dataset=False
        )
    mesh = distribution.DeviceMesh(
        (len(devices) // model_devices, model_devices),
        ("batch", "model"),
        devices,
    )
    return distribution.ModelParallel(
        layout_map=layout_map(mesh), auto_shard_dataset=False
    )


def layout_map(mesh: Any) -> Any:
    """How the weights of an `ImageGPT` are divided over devices, on JAX.

    Kernels of attention and feed-forward, the tokens' embedding and the head
    are divided, with what the optimizer keeps of them; the others, which are
    small, are on every device.

    Args:
        mesh: a `keras.distribution.DeviceMesh` with an axis `"model"`.

    Returns:
        A `keras.distribution.LayoutMap`, for
        `keras.distribution.ModelParallel`.
    """
    layouts = keras.distribution.LayoutMap(mesh)
    for path, axes in DIVIDED_WEIGHTS.items():
        layouts[path] = axes
    return layouts


def check_widths(hidden_dim: int, inner_dim: int, strategy: Any) -> None:
    """Refuses a model whose weights cannot be divided evenly.

    Args:
        hidden_dim: width of the residual stream.
        inner_dim: inner width of the feed-forward layers.
        strategy: as `new_strategy` returns it; or None.
    """
    mesh = getattr(strategy, "device_mesh", None)
    if mesh is None or "model" not in mesh.axis_names:
        return
    devices = mesh.shape[mesh.axis_names.index("model")]
    if hidden_dim % devices or inner_dim % devices:
        raise ValueError(
            "`model_devices` must divide the widths of the model's layers, "
            f"{hidden_dim} and {inner_dim}. Received: --model-devices "
            f"{devices}. Take a power of two, or another --model."
        )


def check_budget(name: str | None, minutes: float | None) -> None:
    """Refuses a budget in minutes of several workers.

    Args:
        name: as `new_strategy` takes it.
        minutes: the budget; None if it is in epochs.
    """
    if name == "multiworker" and minutes is not None:
        raise ValueError(
            "`--epochs` must be the budget with --distribute multiworker, for "
            "the workers' clocks would end it at different steps. Received: "
            f"--minutes {minutes}."
        )


def check_batches(strategy: Any, batch_size: int, *rest: int) -> None:
    """Refuses batches that replicas cannot divide evenly between them.

    Args:
        strategy: as `new_strategy` returns it; None for one device.
        batch_size: images of a batch, of all replicas together.
        rest: images of batches that are smaller.
    """
    replicas = num_replicas(strategy)
    for size in (batch_size, *rest):
        if size % replicas:
            raise ValueError(
                f"`batch_size` must be a multiple of {replicas}, the number "
                "of replicas, which divide each batch between them. "
                f"Received: a batch of {size} images. Take "
                f"{max(size // replicas, 1) * replicas}, or another number "
                "of images."
            )
