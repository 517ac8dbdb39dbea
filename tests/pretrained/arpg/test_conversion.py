"""Tests of loading ARPG's Transformers, against the reference's numbers.

Tokens are read through a palette of as many greys, a pixel a cell.
"""

import json
import pathlib
import sys

import numpy as np
import pytest
import torch_archive
from safetensors.numpy import save_file

import keras_igpt
from keras_igpt.generation.plans import group_sizes, make_plan, plan_numbers
from keras_igpt.pretrained.arpg import names
from keras_igpt.pretrained.torch_files import TorchFile

TESTS = pathlib.Path(__file__).parents[2]
GOLDEN = TESTS / "golden" / "released"
PATH = GOLDEN / "arpg_c2i_a.pt"
HEADS = 4
load = keras_igpt.arpg.load

GUIDANCE = {
    "cfg1": {"guidance_scale": 1.0},
    "cfg4": {"guidance_scale": 4.0},
    "cfg1to4": {"guidance_scale": 4.0, "guidance_schedule": "linear"},
}
SCHEDULES = [(x, steps) for x in ("arccos", "cosine") for steps in (6, 12, 36)]


def away(found, expected):
    """The largest difference, relative to the largest number."""
    return np.abs(np.asarray(found) - expected).max() / np.abs(expected).max()


def greys(grid, codes):
    return keras_igpt.PaletteTokenizer(grid, codes, channels=1)


@pytest.fixture(scope="module")
def golden():
    return dict(np.load(GOLDEN / "arpg_c2i_a.npz"))


@pytest.fixture(scope="module")
def facts(golden):
    return json.loads(str(golden["meta"]))


@pytest.fixture(scope="module")
def tokenizer():
    return greys((6, 6), 96)


@pytest.fixture(scope="module")
def model(tokenizer):
    return load(PATH, tokenizer, HEADS)


@pytest.fixture(scope="module")
def arrays():
    """float32 arrays of the file by name."""
    with TorchFile(PATH) as file:
        return {name: file.read(name).astype("float32") for name in file}


def check_logits(golden, model):
    """Logits in the file's orders, for labels and for the null class."""
    order = golden["order"].astype("int32")
    null = np.full_like(golden["labels"], model.num_classes)
    for labels, name in (
        (golden["labels"], "logits_in_order"),
        (null, "logits_in_order_null"),
    ):
        inputs = {"tokens": golden["tokens"], "label": labels, "order": order}
        logits = np.asarray(model(inputs))
        found = np.take_along_axis(logits, order[..., None], axis=1)
        assert away(found, golden[name]) <= 1e-4, name


def check_greedy(golden, model, guidance, schedule, steps):
    images = model.generate(
        labels=golden["labels"],
        temperature=0,
        steps=steps,
        step_schedule=schedule,
        order=golden["shared_order"],
        jit_compile=False,
        **GUIDANCE[guidance],
    )
    np.testing.assert_array_equal(
        model.tokenizer.encode_all(images),
        golden[f"greedy_{guidance}_{schedule}{steps}"],
    )


# === As the reference ===


def test_logits_in_an_order_are_those_of_the_reference(golden, model):
    check_logits(golden, model)


def test_logits_row_by_row_are_those_of_the_reference(golden, model):
    inputs = {"tokens": golden["tokens"], "label": golden["labels"]}
    assert away(model(inputs), golden["logits_raster"]) <= 1e-4


@pytest.mark.parametrize("guidance", GUIDANCE)
@pytest.mark.parametrize("schedule, steps", SCHEDULES)
def test_greedy_tokens_are_those_of_the_reference(
    golden, model, guidance, schedule, steps
):
    check_greedy(golden, model, guidance, schedule, steps)


def test_groups_are_as_large_as_the_reference_makes_them(facts):
    assert facts["groups"]
    for name, sizes in facts["groups"].items():
        schedule, steps = name.split("_")
        assert group_sizes(36, int(steps), schedule) == tuple(sizes)


@pytest.fixture(scope="module")
def again(model, tmp_path_factory):
    """The model, saved and loaded."""
    path = tmp_path_factory.mktemp("saved") / "m.keras"
    model.save(path)
    return keras_igpt.load(path)


def test_saved_and_loaded_its_logits_are_the_same(golden, again):
    check_logits(golden, again)


def test_saved_and_loaded_it_writes_the_same(golden, again):
    check_greedy(golden, again, "cfg1to4", "arccos", 6)


@pytest.mark.slow
def test_exported_it_gives_the_same_tokens(golden, model, tmp_path):
    sys.path.insert(0, str(TESTS / "serving"))
    from run_served import Served

    served = Served(model.export(tmp_path / "1", names=["tokens"]))
    count = len(golden["labels"])
    known = np.zeros((count, 36), bool)
    for schedule, steps in SCHEDULES:
        plan = make_plan(known, golden["shared_order"], steps, schedule)
        for scale in (1, 4):
            asked = {
                "label": golden["labels"].astype("int32"),
                "plan": plan_numbers(plan),
                "uniforms": np.zeros((count, 36), "float32"),
                "temperature": np.zeros(count, "float32"),
                "top_k": np.zeros(count, "int32"),
                "top_p": np.ones(count, "float32"),
                "guidance_scale": np.full(count, scale, "float32"),
            }
            np.testing.assert_array_equal(
                served("tokens", asked)["tokens"],
                golden[f"greedy_cfg{scale}_{schedule}{steps}"],
            )


# === Files ===


def test_safetensors_give_the_same(golden, tokenizer, arrays, tmp_path):
    save_file(arrays, tmp_path / "c2i.safetensors")
    check_logits(golden, load(tmp_path / "c2i.safetensors", tokenizer, HEADS))


@pytest.mark.parametrize("key", ["module", "state_dict", None])
def test_weights_lie_where_programs_put_them(
    golden, tokenizer, arrays, tmp_path, key
):
    path = torch_archive.write(tmp_path / "c2i.pt", arrays, key)
    check_logits(golden, load(path, tokenizer, HEADS))


def test_other_precision_computes_in_it(golden, tokenizer):
    model = load(PATH, tokenizer, HEADS, dtype="bfloat16")
    assert model.head.kernel.dtype == "bfloat16"
    inputs = {"tokens": golden["tokens"], "label": golden["labels"]}
    assert away(model(inputs), golden["logits_raster"]) < 0.1


def test_released_sizes_have_their_heads():
    assert names.HEADS == {(24, 1024): 16, (36, 1280): 20, (48, 1536): 24}


def test_it_takes_as_many_steps_as_it_has_cells_at_most(model):
    assert model.config["steps"] == 36


# === What is added ===


def test_what_is_added_changes_nothing_at_first(golden, model, tokenizer):
    more = load(PATH, tokenizer, HEADS, text_length=12, edits=("inpaint",))
    count = len(golden["labels"])
    text = np.random.default_rng(0).integers(0, 256, (count, 12))
    inputs = {"tokens": golden["tokens"], "label": golden["labels"]}
    added = {
        "text": text.astype("int32"),
        "edit": np.ones(count, "int32"),
        "source": np.full((count, 6, 6, 2), 255, "uint8"),
    }
    np.testing.assert_array_equal(more({**inputs, **added}), model(inputs))


# === What is refused ===


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda x: x.pop("norm.weight"), "missing: norm.weight"),
        (lambda x: x.update(more=x["norm.weight"]), "extra: more"),
        (
            lambda x: x.update({"norm.weight": np.zeros(9, "float32")}),
            "another shape: norm.weight",
        ),
        (lambda x: x.pop("head.weight"), "missing: head.weight"),
        (lambda x: x.pop("layers.to_k.weight"), "missing: layers.to_k.weight"),
        (
            lambda x: [
                x.pop(name) for name in list(x) if "cross_dec.1" in name
            ],
            "2 and 1 blocks",
        ),
    ],
)
def test_wrong_tensors_are_named(tokenizer, arrays, tmp_path, change, words):
    changed = dict(arrays)
    change(changed)
    path = torch_archive.write(tmp_path / "c2i.pt", changed)
    with pytest.raises(ValueError, match=f"(?s)Received.*{words}"):
        load(path, tokenizer, HEADS)


def test_part_of_a_file_is_refused(tokenizer, tmp_path):
    whole = PATH.read_bytes()
    (tmp_path / "c2i.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="only a part"):
        load(tmp_path / "c2i.pt", tokenizer, HEADS)


def test_missing_file_is_named(tokenizer, tmp_path):
    with pytest.raises(FileNotFoundError, match="none.pt"):
        load(tmp_path / "none.pt", tokenizer)


def test_model_that_writes_row_by_row_is_refused(tokenizer):
    with pytest.raises(ValueError, match=r"0 \+ 0 layers"):
        load(GOLDEN / "llamagen_c2i_a.pt", tokenizer, HEADS)


def test_it_is_refused_where_models_write_row_by_row(tokenizer):
    with pytest.raises(ValueError, match="Received.*arpg_c2i_a"):
        keras_igpt.llamagen.load(PATH, tokenizer, HEADS)


def test_heads_must_be_known(tokenizer):
    with pytest.raises(ValueError, match="`num_heads` must be given.*4 layers"):
        load(PATH, tokenizer)


def test_heads_must_divide_the_width(tokenizer):
    with pytest.raises(ValueError, match="`hidden_dim` must be a multiple"):
        load(PATH, tokenizer, 3)


def test_tokenizer_must_have_as_many_tokens():
    with pytest.raises(ValueError, match="96 tokens.*Received: 64"):
        load(PATH, greys((6, 6), 64), HEADS)


@pytest.mark.parametrize("wrong", [None, "vq_ds16_c2i.pt", 96])
def test_what_is_no_tokenizer_is_named(wrong):
    with pytest.raises(ValueError, match="`tokenizer` must be a tokenizer"):
        load(PATH, wrong, HEADS)


@pytest.mark.parametrize("dtype", ["int8", "float31", "words"])
def test_wrong_types_are_named(tokenizer, dtype):
    with pytest.raises(ValueError, match="`dtype` must be a type of floats"):
        load(PATH, tokenizer, HEADS, dtype=dtype)


def test_released_sizes_have_one_grid(tokenizer):
    sizes = names.Sizes(24, 16, 1024, 2816, 96, 1000)
    with pytest.raises(ValueError, match=r"grid of \(16, 16\).*\(6, 6\)"):
        names.check_fits("arpg_300m.pt", sizes, tokenizer)
