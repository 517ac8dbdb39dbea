import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops
from small_models import ORDERS, make_model, some_inputs

import keras_igpt
from keras_igpt.generation import image_decoder, loop
from keras_igpt.generation.loop import grow
from keras_igpt.prompts.captions import encode_text

VARIANTS = {
    "default": {},
    "original": {
        "positions": "learned",
        "activation": "quick_gelu",
        "qk_norm": False,
        "use_bias": True,
    },
    "off the path": {
        "num_heads": 3,
        "hidden_dim": 21,
        "positions": "learned",
        "activation": "gelu",
        "inner_dim": 25,
        "scale_by_layer": True,
    },
    "unconditional": {"num_classes": 0},
    "oblong": {"image_size": (3, 5)},
    "captions": {"text_length": 6},
    "captions alone": {"text_length": 6, "num_classes": 0},
}

GOLDEN_LOGITS = [
    [0.665566, 2.168103, -0.295273],
    [-0.104963, -0.156751, -1.061137],
    [-1.125298, -1.017905, -0.409269],
]


def logits_of(model, inputs):
    return ops.convert_to_numpy(model(inputs))


# === The network ===


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_have_a_row_per_cell(variant):
    model = make_model(**VARIANTS[variant])
    logits = logits_of(model, some_inputs(model))
    assert logits.shape == (3, model.num_cells, model.vocabulary_size)


@pytest.mark.parametrize("variant", VARIANTS)
def test_cached_steps_match_the_full_pass(variant):
    model = make_model(**VARIANTS[variant])
    inputs = some_inputs(model)
    tokens = inputs["tokens"]
    expected = logits_of(model, inputs)
    caches = model.prefill(inputs, tokens[:, :0])
    caches = grow(caches, model.prompt_length + model.num_cells)
    previous = np.full(3, model.start_token, "int32")
    for cell in range(model.num_cells):
        index = ops.convert_to_tensor(cell, "int32")
        logits, caches = model.step(previous[:, None], index, caches)
        np.testing.assert_allclose(
            np.asarray(logits)[:, 0], expected[:, cell], atol=1e-5
        )
        previous = tokens[:, cell]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_may_read_several_cells(variant):
    model = make_model(**VARIANTS[variant])
    inputs = some_inputs(model)
    tokens = inputs["tokens"]
    caches = model.prefill(inputs, tokens[:, :5])
    caches = grow(caches, model.prompt_length + model.num_cells)
    index = ops.convert_to_tensor(5, "int32")
    logits, _ = model.step(tokens[:, 4:8], index, caches)
    np.testing.assert_allclose(
        np.asarray(logits), logits_of(model, inputs)[:, 5:9], atol=1e-5
    )


@pytest.mark.parametrize("length", [1, 4, 9, 15])
def test_prefill_stands_for_that_many_steps(tiny_model, length):
    inputs = some_inputs(tiny_model)
    tokens = inputs["tokens"]
    caches = tiny_model.prefill(inputs, tokens[:, :length])
    caches = grow(caches, tiny_model.prompt_length + length + 1)
    logits, _ = tiny_model.step(
        tokens[:, length - 1 : length],
        ops.convert_to_tensor(length, "int32"),
        caches,
    )
    expected = logits_of(tiny_model, inputs)[:, length]
    np.testing.assert_allclose(np.asarray(logits)[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_token_changes_only_later_cells(variant):
    model = make_model(**VARIANTS[variant])
    inputs = some_inputs(model, count=1)
    before = logits_of(model, inputs)[0]
    changed = {**inputs, "tokens": inputs["tokens"].copy()}
    changed["tokens"][0, 7] = (changed["tokens"][0, 7] + 1) % 5
    moved = np.abs(logits_of(model, changed)[0] - before).max(axis=1) > 1e-6
    assert moved.tolist() == [False] * 8 + [True] * (model.num_cells - 8)


def test_the_label_changes_every_cell(tiny_model):
    inputs = some_inputs(tiny_model, count=1)
    before = logits_of(tiny_model, inputs)
    changed = {**inputs, "label": (inputs["label"] + 1) % 3}
    moved = np.abs(logits_of(tiny_model, changed) - before).max(axis=(0, 2))
    assert (moved > 1e-6).all()


def test_a_new_model_knows_nothing(tiny_images):
    model = make_model(trained=False)
    nats = model.score(tiny_images, labels=[0] * 8)
    np.testing.assert_allclose(nats, 16 * np.log(5), rtol=1e-6)


def test_logits_of_a_seed_are_stable():
    model = make_model()
    inputs = {
        "tokens": np.arange(16)[None] % 5,
        "label": np.array([1]),
    }
    found = logits_of(model, inputs)[0, [0, 7, 15], :3]
    np.testing.assert_allclose(found, GOLDEN_LOGITS, atol=1e-4)


@pytest.mark.parametrize(
    "size, millions",
    [("tiny", 0.57), ("small", 2.9), ("base", 6.9)],
)
def test_sizes_have_the_weights_they_say(size, millions):
    tokenizer = keras_igpt.PaletteTokenizer((16, 16), 512, channels=1)
    model = keras_igpt.ImageGPT(tokenizer, **keras_igpt.ImageGPT.SIZES[size])
    assert model.count_params() / 1e6 == pytest.approx(millions, rel=0.1)


def test_mixed_bfloat16_computes_in_bfloat16():
    model = make_model(dtype="mixed_bfloat16")
    caches = model.prefill(some_inputs(model), np.zeros((3, 2), "int32"))
    dtypes = {str(ops.dtype(x)) for cache in caches["blocks"] for x in cache}
    assert dtypes == {"bfloat16"}


# === Images ===


def test_generate_returns_uint8_images(either_model):
    images = either_model.generate(labels=[0, 1], num_images=3, seed=0)
    assert images.dtype == np.uint8 and images.shape == (6, 4, 4, 1)


@pytest.mark.backends
def test_generate_repeats_with_its_seed(either_model):
    first, second = (
        either_model.generate(labels=[0, 1], seed=5) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_generate_differs_with_the_seed(either_model):
    first, second = (either_model.generate(labels=0, seed=s) for s in (5, 6))
    assert (first != second).any()


@pytest.mark.backends
def test_a_image_does_not_depend_on_its_batch(either_model):
    batch = either_model.generate(labels=[0, 1, 2, 0, 1], seed=5)
    for i, label in enumerate([0, 1, 2, 0, 1]):
        alone = either_model.generate(labels=label, seed=5 + i)
        np.testing.assert_array_equal(batch[i], alone[0])


def test_images_do_not_depend_on_chunks(either_model, monkeypatch):
    together = either_model.generate(labels=[0, 1, 2], seed=5)
    monkeypatch.setattr(image_decoder, "MAX_BATCH", 2)
    np.testing.assert_array_equal(
        either_model.generate(labels=[0, 1, 2], seed=5), together
    )


def test_images_do_not_depend_on_stretches(monkeypatch):
    model = make_model()
    at_once = model.generate(labels=[0, 1], seed=5)
    monkeypatch.setattr(loop, "SHORTEST_OF_FEW", 3)
    np.testing.assert_array_equal(
        model.generate(labels=[0, 1], seed=5), at_once
    )


def test_images_do_not_depend_on_workers(either_model, monkeypatch):
    labels = np.arange(20) % 3
    monkeypatch.setattr(image_decoder, "num_workers", lambda: 1)
    alone = either_model.generate(labels, seed=5)
    monkeypatch.setattr(image_decoder, "num_workers", lambda: 3)
    np.testing.assert_array_equal(either_model.generate(labels, seed=5), alone)


@pytest.mark.xla
@pytest.mark.parametrize(
    "sampling",
    [{}, {"top_k": 3}, {"top_p": 0.8}, {"guidance_scale": 2.0}],
    ids=str,
)
def test_same_images_with_and_without_xla(fresh_either, sampling):
    labels = np.arange(30) % 3
    with_xla, without = (
        fresh_either.generate(labels, seed=5, jit_compile=jit, **sampling)
        for jit in (True, False)
    )
    # One flipped float tie changes the rest of its image, no more.
    same = (with_xla == without).all(axis=(1, 2, 3))
    assert same.mean() >= 29 / 30


def test_generate_samples_the_model_distribution(tiny_unconditional):
    images = tiny_unconditional.generate(num_images=2000, seed=0)
    first = np.asarray(tiny_unconditional.tokenizer.encode(images))[:, 0]
    found = np.bincount(first, minlength=5) / len(first)
    logits = logits_of(tiny_unconditional, {"tokens": np.zeros((1, 16), int)})
    expected = np.exp(logits[0, 0]) / np.exp(logits[0, 0]).sum()
    np.testing.assert_allclose(found, expected, atol=0.04)


@pytest.mark.backends
def test_greedy_takes_the_likeliest_token_each_time(either_model):
    steps = 16 if either_model.any_order else None
    images = either_model.generate(
        labels=1, temperature=0.0, seed=0, steps=steps
    )
    tokens = np.asarray(either_model.tokenizer.encode(images))
    inputs = {"tokens": tokens, "label": np.array([1])}
    logits = logits_of(either_model, either_model.in_decode_order(inputs))
    np.testing.assert_array_equal(logits.argmax(-1), tokens)


def test_top_k_one_is_greedy(either_model):
    np.testing.assert_array_equal(
        either_model.generate(labels=[0, 1], top_k=1, seed=0),
        either_model.generate(labels=[0, 1], temperature=0.0, seed=9),
    )


@pytest.mark.backends
def test_guidance_one_is_plain(either_model):
    np.testing.assert_array_equal(
        either_model.generate(
            labels=[0, 1, 2], guidance_scale=[1, 1, 2], seed=0
        )[:2],
        either_model.generate(labels=[0, 1, 2], seed=0)[:2],
    )


@pytest.mark.backends
def test_guidance_zero_ignores_the_label(either_model):
    np.testing.assert_array_equal(
        either_model.generate(labels=2, guidance_scale=0.0, seed=0),
        either_model.generate(seed=0),
    )


@pytest.mark.backends
def test_sampling_may_differ_by_image(either_model):
    together = either_model.generate(
        labels=[0, 0], temperature=[0.5, 2.0], top_k=[2, 5], seed=[3, 3]
    )
    for i, (temperature, top_k) in enumerate([(0.5, 2), (2.0, 5)]):
        alone = either_model.generate(
            labels=0, temperature=temperature, top_k=top_k, seed=3
        )
        np.testing.assert_array_equal(together[i], alone[0])


@pytest.fixture
def traces(monkeypatch):
    """Grows by one whenever the step is traced."""
    seen = []
    step = keras_igpt.ImageGPT.step

    def counting(self, *args):
        seen.append(1)
        return step(self, *args)

    monkeypatch.setattr(keras_igpt.ImageGPT, "step", counting)
    return seen


def test_generate_traces_once(fresh_model, traces):
    fresh_model.generate(labels=[0], seed=0)
    after_first = len(traces)
    fresh_model.generate(labels=[0, 1, 2], seed=3)
    fresh_model.generate(labels=[0, 1], temperature=0.3, top_k=2, top_p=0.5)
    fresh_model.complete(fresh_model.generate(labels=[1] * 5), 2, seed=1)
    assert after_first >= 1 and len(traces) == after_first


def test_generate_traces_once_for_all_guidance_scales(fresh_model, traces):
    fresh_model.generate(labels=0, guidance_scale=2.0)
    after_first = len(traces)
    fresh_model.generate(labels=[0, 1], guidance_scale=1.5)
    fresh_model.generate(labels=0, guidance_scale=[3.0], top_k=3)
    assert after_first >= 1 and len(traces) == after_first


@pytest.mark.backends
def test_generate_sees_new_weights(fresh_either):
    before = fresh_either.generate(labels=0, temperature=0.0)
    fresh_either.head.kernel.assign(-fresh_either.head.kernel)
    after = fresh_either.generate(labels=0, temperature=0.0)
    assert (before != after).any()


@pytest.mark.backends
@pytest.mark.parametrize("sampler", ["greedy", "random", "top_k", "top_p"])
def test_keras_nlp_samplers_plug_in(tiny_model, sampler):
    images = tiny_model.generate(labels=[0, 1], sampler=sampler)
    assert images.shape == (2, 4, 4, 1)


@pytest.mark.backends
def test_keras_nlp_greedy_sampler_equals_temperature_zero(tiny_model):
    np.testing.assert_array_equal(
        tiny_model.generate(labels=[0, 1], sampler="greedy"),
        tiny_model.generate(labels=[0, 1], temperature=0.0),
    )


def test_keras_nlp_sampler_object_keeps_the_known_rows(tiny_model, tiny_images):
    import keras_nlp

    sampler = keras_nlp.samplers.TopKSampler(k=2, seed=0)
    generated = tiny_model.complete(tiny_images, 2, sampler=sampler)
    np.testing.assert_array_equal(generated[:, :2], tiny_images[:, :2])


@pytest.mark.backends
def test_complete_keeps_the_rows_bit_exact(either_model, tiny_images):
    generated = either_model.complete(tiny_images, 3, seed=0)
    np.testing.assert_array_equal(generated[:, :3], tiny_images[:, :3])


def test_complete_continues_as_generate_would(tiny_model):
    whole = tiny_model.generate(labels=[0, 1], seed=5)
    again = tiny_model.complete(whole, 2, labels=[0, 1], seed=5)
    np.testing.assert_array_equal(again, whole)


def test_complete_of_nothing_is_generate(either_model, tiny_images):
    np.testing.assert_array_equal(
        either_model.complete(tiny_images, 0, labels=1, seed=5),
        either_model.generate(labels=[1] * 8, seed=5),
    )


def test_complete_takes_a_single_image(either_model, tiny_images):
    assert either_model.complete(tiny_images[0], 2).shape == (1, 4, 4, 1)


@pytest.mark.parametrize("order", ORDERS)
def test_images_of_one_pixel_work(order):
    model = make_model(image_size=(1, 1), order=order)
    images = model.generate(labels=[0, 1], seed=0)
    assert images.shape == (2, 1, 1, 1)
    assert np.isfinite(model.score(images)).all()


@pytest.mark.backends
def test_score_is_the_likelihood_of_the_tokens(either_model, tiny_images):
    tokens = np.asarray(either_model.tokenizer.encode(tiny_images))
    labels = np.arange(8, dtype="int32") % 3
    inputs = {"tokens": tokens, "label": labels}
    logits = logits_of(either_model, either_model.in_decode_order(inputs))
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = -np.take_along_axis(logs, tokens[..., None], -1).sum((1, 2))
    found = either_model.score(tiny_images, labels=labels, batch_size=3)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("order", ORDERS)
def test_scores_of_all_images_sum_to_one(order):
    # 2 colours in 2x2 cells: 16 images are all there are.
    model = make_model((2, 2), num_colors=2, num_classes=0, order=order)
    bits = (np.arange(16)[:, None] >> np.arange(4)) & 1
    images = np.asarray(model.tokenizer.decode(bits))
    assert np.exp(-model.score(images)).sum() == pytest.approx(1, rel=1e-5)


# === Saving ===

READ = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np, keras, keras_igpt
for name in sys.argv[1:]:
    model = keras.saving.load_model(name + ".keras")
    data = np.load(name + ".npz")
    inputs = {"tokens": data["tokens"], "label": data["label"]}
    np.savez(
        name + "_read.npz",
        logits=np.asarray(model(inputs)),
        images=model.generate(labels=[0, 1, 2], seed=5),
        count=model.count_params(),
    )
"""


def trained_model(**kwargs):
    model = make_model(**kwargs)
    model.compile()
    images = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 1), "uint8")
    model.fit(model.prepare((images, np.arange(8) % 3)), verbose=0)
    return model


def quantized_model(**kwargs):
    model = trained_model(**kwargs)
    model.quantize("int8")
    return model


SAVED = {
    "fresh": make_model,
    "trained": trained_model,
    "int8": quantized_model,
    "bfloat16": lambda: make_model(dtype="mixed_bfloat16"),
    "any order": lambda: make_model(**ORDERS["any"]),
    "any order, int8": lambda: quantized_model(**ORDERS["any"]),
}


@pytest.fixture(scope="module")
def read_elsewhere(tmp_path_factory):
    """By name, what a model answers, and what it answers in a new process."""
    folder, answers = tmp_path_factory.mktemp("saved"), {}
    for name, build in SAVED.items():
        model = build()
        inputs = some_inputs(model)
        model.save(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", **inputs)
        answers[name] = {
            "logits": logits_of(model, inputs),
            "images": model.generate(labels=[0, 1, 2], seed=5),
            "count": model.count_params(),
        }
    subprocess.run(
        [sys.executable, "-c", READ, *(folder / name for name in SAVED)],
        check=True,
    )
    return {
        name: (answer, np.load(folder / f"{name}_read.npz"))
        for name, answer in answers.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", SAVED)
def test_model_answers_alike_in_a_new_process(name, read_elsewhere):
    here, there = read_elsewhere[name]
    np.testing.assert_allclose(there["logits"], here["logits"], atol=1e-6)
    np.testing.assert_array_equal(there["images"], here["images"])
    assert there["count"] == here["count"] > 0


@pytest.mark.backends
def test_loaded_model_goes_on_training(tmp_path, tiny_images):
    model = make_model()
    model.compile()
    batches = model.prepare((tiny_images, np.arange(8) % 3), batch_size=8)
    model.fit(batches, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    first, second = (
        m.fit(batches, shuffle=False, verbose=0).history["loss"][0]
        for m in (model, loaded)
    )
    assert int(loaded.optimizer.iterations) == 2
    # The nulls are drawn anew; the loss moves by no more than that.
    assert first == pytest.approx(second, rel=0.1)


def test_int8_stays_close_to_float(tiny_images):
    model = make_model()
    before = model.score(tiny_images)
    model.quantize("int8")
    np.testing.assert_allclose(model.score(tiny_images), before, rtol=0.05)


def test_config_makes_the_same_model(tiny_model):
    copy = keras_igpt.ImageGPT.from_config(tiny_model.get_config())
    shapes = [tuple(w.shape) for w in copy.weights]
    assert shapes == [tuple(w.shape) for w in tiny_model.weights]


# === Bad input ===


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"positions": "sine"}, "`positions` must be one of"),
        ({"activation": "relu"}, "`activation` must be one of"),
        ({"num_layers": 0}, "`num_layers` must be a positive int"),
        ({"num_heads": 3}, "`hidden_dim` must be a multiple of 12"),
        (
            {"num_heads": 3, "positions": "learned"},
            "`hidden_dim` must be a multiple of 3",
        ),
        ({"num_classes": -1}, "`num_classes` must be"),
        ({"dropout": 1.5}, "`dropout` must be"),
        ({"inner_dim": 0}, "`inner_dim` must be a positive int"),
        ({"objective": "gan"}, "`objective` must be one of"),
        ({"objective": "bert", "edits": ["inpaint"]}, "`edits` must be empty"),
        ({"tokenizer": "palette"}, "`tokenizer` must be"),
    ],
)
def test_bad_arguments_are_named(kwargs, message):
    tokenizer = keras_igpt.PaletteTokenizer((4, 4), 5, channels=1)
    arguments = {"tokenizer": tokenizer, "hidden_dim": 16, "num_heads": 2}
    with pytest.raises(ValueError, match=message):
        keras_igpt.ImageGPT(**{**arguments, **kwargs})


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"labels": 3}, r"ints from 0 to num_classes - 1 = 2.*labels=3"),
        ({"labels": -1}, "`labels` must be ints"),
        ({"labels": 0.5}, "`labels` must be ints"),
        ({"labels": "goal"}, "`labels` must be ints"),
        ({"labels": []}, "`labels` must be ints"),
        ({"labels": [[1, 2]]}, "`labels` must be ints"),
        ({"num_images": 0}, "`num_images` must be a positive int"),
        ({"num_images": "4"}, "`num_images` must be a positive int"),
        ({"temperature": -1}, "`temperature` must be 0"),
        ({"top_k": 0}, "`top_k` must be a positive int"),
        ({"top_p": 0}, "`top_p` must be above 0"),
        ({"seed": -1}, "`seed` must be from 0"),
        ({"seed": 1, "sampler": "top_k"}, "`sampler` must come without"),
    ],
)
def test_bad_generate_is_named(tiny_model, kwargs, message):
    with pytest.raises(ValueError, match=message):
        tiny_model.generate(**kwargs)


def test_labels_of_a_model_without_classes_are_named(tiny_unconditional):
    with pytest.raises(ValueError, match="made without classes"):
        tiny_unconditional.generate(labels=1)


@pytest.mark.parametrize("keep_rows", [-1, 4, 2.0, None])
def test_bad_keep_rows_are_named(tiny_model, tiny_images, keep_rows):
    with pytest.raises(ValueError, match="`keep_rows` must be an int"):
        tiny_model.complete(tiny_images, keep_rows)


def test_wrong_number_of_labels_is_named(tiny_model, tiny_images):
    with pytest.raises(ValueError, match="one per image"):
        tiny_model.complete(tiny_images, 2, labels=[0, 1])


def test_wrong_number_of_score_labels_is_named(tiny_model, tiny_images):
    with pytest.raises(ValueError, match="one per image"):
        tiny_model.score(tiny_images, labels=[0, 1])


def test_wrong_size_of_images_is_named(tiny_model):
    with pytest.raises(ValueError, match="resize"):
        tiny_model.score(np.zeros((1, 5, 5, 1), "uint8"))


def test_float_images_are_named(tiny_model):
    with pytest.raises(ValueError, match="must be uint8"):
        tiny_model.score(np.zeros((1, 4, 4, 1), "float32"))


# === Captions ===


@pytest.fixture(scope="module")
def captioned():
    return make_model(num_classes=0, text_length=12)


def test_the_caption_changes_every_cell(captioned):
    tokens = np.zeros((2, 16), "int32")
    text = encode_text(["a ball", "a goal"], 12)
    first, second = logits_of(captioned, {"tokens": tokens, "text": text})
    assert np.all(np.any(np.abs(first - second) > 1e-6, axis=-1))


def test_what_fills_a_caption_up_is_not_looked_at():
    model = make_model(num_classes=0, text_length=12)
    inputs = {
        "tokens": np.zeros((1, 16), "int32"),
        "text": encode_text(["ball"], 12),
    }
    before = logits_of(model, inputs)
    part = model.prompt.parts[0]
    for table, rows in (
        (part.byte_embedding, slice(0, 1)),
        (part.position_embedding, slice(4, None)),
    ):
        changed = np.asarray(table.embeddings).copy()
        changed[rows] += 1.0
        table.embeddings.assign(changed)
    np.testing.assert_allclose(logits_of(model, inputs), before, atol=1e-5)


def test_a_caption_alone_generates_as_in_company(captioned):
    together = captioned.generate(text=["a", "", "五五五五"], seed=[1, 2, 3])
    alone = captioned.generate(text="五五五五", seed=3)
    np.testing.assert_array_equal(together[2:], alone)


def test_guidance_follows_the_caption_further(captioned):
    plain = captioned.generate(text="ball", seed=0)
    same = captioned.generate(text="ball", seed=0, guidance_scale=1.0)
    more = captioned.generate(text="ball", seed=0, guidance_scale=6.0)
    np.testing.assert_array_equal(plain, same)
    assert np.any(more != plain)


def test_one_label_goes_with_all_captions():
    model = make_model(text_length=12)
    images = model.generate(labels=1, text=["a", "b"], num_images=2, seed=0)
    assert len(images) == 4


def test_counts_of_labels_and_captions_must_agree():
    model = make_model(text_length=12)
    with pytest.raises(ValueError, match="2 labels and 3 captions"):
        model.generate(labels=[0, 1], text=["a", "b", "c"])


def test_score_depends_on_the_caption(captioned, tiny_images):
    nats = captioned.score(tiny_images[:2], text=["ball", "goal"])
    none = captioned.score(tiny_images[:2])
    assert np.all(nats != none)


def test_a_model_without_captions_takes_none(tiny_model):
    with pytest.raises(ValueError, match="made without captions"):
        tiny_model.generate(text="ball")


def test_no_captions_at_all_are_an_error(captioned):
    with pytest.raises(ValueError, match="a caption or a list"):
        captioned.generate(text=[])


def test_too_long_a_caption_is_an_error_or_cut(captioned):
    with pytest.raises(ValueError, match="at most 12 bytes"):
        captioned.generate(text="x" * 13)
    np.testing.assert_array_equal(
        captioned.generate(text="x" * 13, truncate=True, seed=0),
        captioned.generate(text="x" * 12, seed=0),
    )


# === The original's options ===


def test_scores_of_deeper_blocks_are_divided():
    plain = make_model(num_classes=0, qk_norm=False)
    scaled = make_model(num_classes=0, qk_norm=False, scale_by_layer=True)
    kernel = scaled.blocks[1].attention.query_key_value.kernel
    # Queries of the second block, twice as large, make up for it.
    factor = np.where(np.arange(48) < 16, 2.0, 1.0).astype("float32")
    kernel.assign(kernel * factor)
    inputs = some_inputs(plain)
    np.testing.assert_allclose(
        logits_of(scaled, inputs), logits_of(plain, inputs), atol=1e-5
    )


def test_flag_of_a_frozen_model_reaches_its_parts():
    model = make_model()
    model.trainable = False
    copy = keras_igpt.ImageGPT.from_config(model.get_config())
    assert not any(weight.trainable for weight in copy.weights)


# === The objective "bert" ===


@pytest.fixture(scope="module")
def bert():
    """A model that sees all cells, not to be changed by a test."""
    return make_model(num_classes=0, objective="bert")


def test_bert_sees_before_and_behind(bert):
    inputs = some_inputs(bert, count=1)
    before = logits_of(bert, inputs)[0]
    changed = {"tokens": inputs["tokens"].copy()}
    changed["tokens"][0, 7] = (changed["tokens"][0, 7] + 1) % 5
    moved = np.abs(logits_of(bert, changed)[0] - before).max(axis=1)
    assert (moved > 1e-6).all()


@pytest.mark.backends
def test_bert_does_not_see_what_is_masked(bert):
    inputs = some_inputs(bert, count=1)
    masked = np.arange(16)[None] == 7
    changed = {"tokens": inputs["tokens"].copy()}
    changed["tokens"][0, 7] = (changed["tokens"][0, 7] + 1) % 5
    np.testing.assert_array_equal(
        logits_of(bert, {**inputs, "masked": masked}),
        logits_of(bert, {**changed, "masked": masked}),
    )


def test_bert_sees_all_in_chunks_too(monkeypatch):
    from keras_igpt.layers import attention

    model = make_model(num_classes=2, objective="bert")
    inputs = some_inputs(model)
    before = logits_of(model, inputs)
    monkeypatch.setattr(attention, "CHUNK", 4)
    np.testing.assert_allclose(logits_of(model, inputs), before, atol=1e-5)


@pytest.mark.parametrize("job", ["generate", "score", "complete", "export"])
def test_bert_does_not_generate(bert, tiny_images, job, tmp_path):
    arguments = {
        "generate": (),
        "score": (tiny_images,),
        "complete": (tiny_images, 2),
        "export": (tmp_path,),
    }
    with pytest.raises(ValueError, match="`objective` must be 'autoregressi"):
        getattr(bert, job)(*arguments[job])


def test_bert_saves_and_loads(bert, tmp_path):
    bert.save(tmp_path / "bert.keras")
    loaded = keras.saving.load_model(tmp_path / "bert.keras")
    inputs = some_inputs(bert)
    np.testing.assert_array_equal(
        logits_of(loaded, inputs), logits_of(bert, inputs)
    )


# === Names of classes ===


@pytest.fixture(scope="module")
def named():
    return make_model(class_names=("cat", "dog", "cow"))


@pytest.mark.backends
def test_labels_by_name_are_those_by_number(named):
    by_name = named.generate(labels=["dog", "cow"], seed=1, jit_compile=False)
    by_number = named.generate(labels=[1, 2], seed=1, jit_compile=False)
    np.testing.assert_array_equal(by_name, by_number)


def test_score_takes_names(named, tiny_images):
    np.testing.assert_array_equal(
        named.score(tiny_images, labels="dog"),
        named.score(tiny_images, labels=1),
    )


def test_names_are_saved_with_the_model(named, tmp_path):
    named.save(tmp_path / "named.keras")
    loaded = keras.saving.load_model(tmp_path / "named.keras")
    assert loaded.class_names == ("cat", "dog", "cow")


@pytest.mark.parametrize("names", [("cat",), ("cat", "cat", "dog")])
def test_names_must_be_one_for_each_class(names):
    with pytest.raises(ValueError, match="`class_names` must be"):
        make_model(class_names=names)


# === Precision ===


def test_float16_model_generates_finite_images():
    model = make_model(dtype="float16")
    inputs = some_inputs(model)
    assert np.isfinite(keras.ops.convert_to_numpy(model(inputs))).all()
    images = model.generate(labels=[0, 1, 2], seed=0, jit_compile=False)
    assert len(np.unique(images)) > 1


def test_numpy_whole_numbers_are_ints(tiny_model, tiny_images):
    kept = tiny_model.complete(
        tiny_images, np.int64(2), seed=np.int32(0), jit_compile=False
    )
    np.testing.assert_array_equal(kept[:, :2], tiny_images[:, :2])


# === Samplers ===


@pytest.mark.slow
def test_sampler_that_is_changed_is_followed(tiny_model):
    import keras_nlp

    sampler = keras_nlp.samplers.TopKSampler(k=1, seed=0)
    before = tiny_model.generate(labels=[0, 1], sampler=sampler)
    sampler.k = 5
    after = [
        tiny_model.generate(labels=[0, 1], sampler=sampler) for _ in range(3)
    ]
    assert any((images != before).any() for images in after)
