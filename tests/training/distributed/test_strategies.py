"""Tests of strategies: what is refused, and how weights are divided."""

import json
import re
import types

import keras
import pytest
from small_models import make_model

from keras_igpt.training.distributed.strategies import (
    DIVIDED_WEIGHTS,
    check_batches,
    check_budget,
    check_cluster,
    check_widths,
    new_strategy,
)


def cluster(workers=2, kind="worker", index=0, **jobs):
    hosts = [f"host{i}:2222" for i in range(workers)]
    task = {"type": kind, "index": index}
    return json.dumps({"cluster": {"worker": hosts, **jobs}, "task": task})


def test_no_strategy_is_one_device():
    assert new_strategy(None) is None


def test_unknown_strategy_is_refused():
    with pytest.raises(ValueError, match="distribute.*'horovod'"):
        new_strategy("horovod")


@pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="There it is what is wanted."
)
def test_strategy_of_another_backend_is_refused():
    with pytest.raises(ValueError, match="must be jax.*KERAS_BACKEND=jax"):
        new_strategy("jax")


@pytest.mark.parametrize("name", [None, "mirrored", "multiworker"])
def test_weights_are_divided_on_jax_alone(name):
    with pytest.raises(ValueError, match="--distribute jax.*devices 2"):
        new_strategy(name, model_devices=2)


def test_one_device_is_not_mirrored():
    with pytest.raises(ValueError, match="two devices at least.*CPU:0"):
        new_strategy("mirrored")


def test_workers_need_a_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match="TF_CONFIG must.*None.*host0"):
        new_strategy("multiworker")


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"cluster": {}}',
        cluster(workers=1),
        cluster(index=2),
        cluster(index=-1),
        cluster(kind="ps"),
        cluster(ps=["host9:2222"]),
        cluster(index="first"),
    ],
)
def test_wrong_cluster_is_refused(config):
    with pytest.raises(ValueError, match="TF_CONFIG must"):
        check_cluster(config)


@pytest.mark.parametrize(
    "config",
    [
        cluster(),
        cluster(index=1),
        cluster(workers=1, chief=["host9:2222"]),
        cluster(kind="chief", chief=["host9:2222"]),
    ],
)
def test_cluster_is_taken(config):
    check_cluster(config)


def test_minutes_of_several_workers_are_refused():
    with pytest.raises(ValueError, match="--epochs.*--minutes 5"):
        check_budget("multiworker", 5)
    check_budget("multiworker", None)
    check_budget("mirrored", 5)


class ThreeReplicas:
    num_replicas_in_sync = 3


def test_batch_must_be_divisible():
    with pytest.raises(ValueError, match="multiple of 3.*of 32.*Take 30"):
        check_batches(ThreeReplicas(), 32)
    check_batches(ThreeReplicas(), 33)


def test_smaller_batches_must_be_divisible_too():
    with pytest.raises(ValueError, match="a batch of 4 images"):
        check_batches(ThreeReplicas(), 33, 4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": "any"},
        {"edits": ("inpaint",), "text_length": 8, "use_bias": True},
        {"activation": "gelu", "positions": "learned"},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_large_weights_are_divided(options):
    """By their paths: all kernels of blocks, and none twice."""
    model = make_model(hidden_dim=64, **options)
    blocks = [weight for block in model.blocks for weight in block.weights]
    kernels = [weight for weight in blocks if len(weight.shape) == 2]
    kernels += [model.head.kernel, model.embedding.token_embedding.embeddings]
    assert len(kernels) > 8
    for weight in model.weights:
        found = [
            axes
            for path, axes in DIVIDED_WEIGHTS.items()
            if re.fullmatch(path, weight.path)
        ]
        assert len(found) <= 1, weight.path
        if any(weight is kernel for kernel in kernels):
            assert found, weight.path
        for axes in found:
            side = weight.shape[axes.index("model")]
            assert len(axes) == len(weight.shape) and side % 8 == 0


@pytest.mark.parametrize("widths", [(96, 256), (256, 96)])
def test_devices_must_divide_the_widths(widths):
    mesh = types.SimpleNamespace(axis_names=("batch", "model"), shape=(1, 64))
    strategy = types.SimpleNamespace(device_mesh=mesh)
    with pytest.raises(ValueError, match="must divide the widths.*96"):
        check_widths(*widths, strategy)


def test_widths_of_models_on_one_device_are_free():
    assert check_widths(97, 1, None) is None
