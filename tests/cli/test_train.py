"""Tests of the commands `train` and `classify`, and of runs."""

import json

import keras
import numpy as np
import pytest
import small_models
from small_models import invoke, train

from keras_igpt import ImageGPT, PaletteTokenizer, VQTokenizer, load
from keras_igpt.cli.training import training_run
from keras_igpt.cli.training.new_model import default_dropout


@pytest.fixture
def asked(monkeypatch):
    """What a run is asked for, which is not begun."""
    seen = {}

    def run(options, folder, resume, console, given, *devices):
        seen.update(options=options, folder=folder, resume=resume, given=given)
        return {"step": 1, "val_bits_per_pixel": 2.0}

    monkeypatch.setattr(training_run, "run", run)
    return seen


def test_train_passes_its_options_on(asked, tmp_path):
    result = invoke(
        *f"train --data digits --out {tmp_path} --minutes 2 --model small "
        "--colors 17 --precision mixed_bfloat16 --tokenizer vq --codes 64 "
        "--no-labels --resume --order any".split()
    )
    assert "2.000 bits/pixel" in result.output
    options = asked["options"]
    assert options.minutes == 2.0 and options.epochs is None
    assert options.model == "small" and options.colors == 17
    assert options.precision == "mixed_bfloat16" and asked["resume"]
    assert options.tokenizer == "vq" and options.codes == 64
    assert options.captions and not options.labels
    assert options.order == "any"
    assert asked["folder"] == tmp_path
    assert asked["given"] >= {"model", "colors", "labels", "minutes"}
    assert "batch_size" not in asked["given"]


def test_train_without_a_budget_takes_15_minutes(asked, tmp_path):
    invoke("train", "--data", "digits", "--out", tmp_path)
    assert asked["options"].minutes == 15.0


@pytest.mark.parametrize(
    ("words", "optimizer", "rate"),
    [
        ([], "muon", 1e-2),
        (["--optimizer", "adamw"], "adamw", 2e-3),
        (["--init-from", "football"], "adamw", 2e-3),
        (["--optimizer", "muon", "--init-from", "football"], "muon", 1e-2),
        (["--learning-rate", "5e-4"], "muon", 5e-4),
    ],
)
def test_rate_is_that_of_the_optimizer(words, optimizer, rate, asked, tmp_path):
    invoke("train", "--data", "digits", "--out", tmp_path, *words)
    options = asked["options"]
    assert (options.optimizer, options.learning_rate) == (optimizer, rate)


def test_a_run_that_goes_on_keeps_its_budget(asked, tmp_path):
    invoke("train", "--resume", "--out", tmp_path)
    assert asked["options"].minutes is asked["options"].epochs is None


def test_train_writes_a_run(class_run):
    names = {path.name for path in class_run.iterdir()}
    assert names >= {
        "config.json",
        "last.keras",
        "best.keras",
        "log.csv",
        "state.json",
        "samples",
    }


def test_train_remembers_what_was_asked(class_run, class_folder):
    config = json.loads((class_run / "config.json").read_text())
    assert config["options"]["size"] == 4
    assert set(config["versions"]) >= {"keras", "tensorflow"}


def test_model_knows_the_names_of_its_classes(class_run):
    assert load(class_run).class_names == ("ball", "goal")


@pytest.mark.parametrize(
    ("num_images", "dropout"),
    # An image has 16 tokens, and the block 16 times 12 weights.
    [(1, 0.2), (11, 0.2), (12, 0.1), (47, 0.1), (48, 0.0), (None, 0.0)],
)
def test_few_images_bring_dropout(num_images, dropout):
    size = {"num_layers": 1, "num_heads": 1, "hidden_dim": 4}
    tokenizer = PaletteTokenizer((4, 4), 4)
    assert default_dropout(size, tokenizer, num_images) == dropout


def test_dropout_that_was_left_out_is_kept_with_the_run(class_folder, tmp_path):
    train(tmp_path / "run", data=str(class_folder), size=4, dropout=None)
    assert load(tmp_path / "run").config["dropout"] == 0.2
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["options"]["dropout"] == 0.2


def test_a_model_to_begin_with_gets_no_dropout_unasked(
    class_run, class_folder, tmp_path
):
    begun = {"data": str(class_folder), "init_from": str(class_run)}
    train(tmp_path / "run", **begun, dropout=None)
    assert load(tmp_path / "run").config["dropout"] == 0.0


def test_model_of_any_order_is_trained_and_goes_on(
    class_folder, tmp_path, smallest, monkeypatch
):
    size = {"num_layers": 2, "num_heads": 1, "hidden_dim": 16}
    monkeypatch.setitem(ImageGPT.SIZES, "tiny", size)
    asked = {"data": str(class_folder), "size": 4, "order": "any"}
    train(tmp_path / "a", **asked)
    model = load(tmp_path / "a")
    assert model.config["order"] == "any"
    assert model.generate(labels="goal", steps=2).shape == (1, 4, 4, 3)
    row = train(tmp_path / "a", resume=True, epochs=2)
    assert np.isfinite(row["val_bits_per_pixel"])


def test_order_is_that_of_the_model_to_begin_with(
    class_run, class_folder, tmp_path
):
    with pytest.raises(ValueError, match="`--order` must be that of"):
        train(
            tmp_path / "a",
            data=str(class_folder),
            init_from=str(class_run),
            order="any",
        )


def test_order_is_the_runs_own(class_run):
    with pytest.raises(ValueError, match="`order` must be the run's own"):
        train(class_run, resume=True, given=["order"], order="any")


def test_train_refuses_a_used_folder(class_run, class_folder):
    with pytest.raises(FileExistsError, match="Add --resume"):
        train(class_run, data=str(class_folder))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": 1.0}, "Exactly one of `epochs` and `minutes`"),
        ({"epochs": 0}, "`epochs` must be a number above 0"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"edit_share": 2.0}, "`edit_share` must be from 0 to 1"),
        ({"dropout": 1.0}, "`dropout` must be"),
        ({"ema": 1.0}, "`ema` must be"),
        ({"edits": ["draw"]}, "`edits` must be names of"),
        ({"edits": ["restyle"]}, "must be pairs of"),
        ({"data": None}, "`--data` must be given"),
    ],
)
def test_misuse_is_named_before_anything_is_learned(
    class_folder, tmp_path, monkeypatch, options, message
):
    def adapt(*args, **kwargs):
        raise AssertionError("The tokenizer has begun to learn.")

    monkeypatch.setattr(VQTokenizer, "adapt", adapt)
    known = {"data": str(class_folder), "size": 4, "tokenizer": "vq"}
    with pytest.raises(ValueError, match=message):
        train(tmp_path / "a", **{**known, **options})
    assert not (tmp_path / "a").exists()


def test_resume_needs_a_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="--resume"):
        train(tmp_path, resume=True, data="digits")


def test_resume_of_a_finished_run_does_nothing(class_run):
    assert train(class_run, resume=True) is None


def test_resume_goes_on_for_longer(class_folder, tmp_path):
    train(tmp_path / "run", data=str(class_folder), size=4)
    row = train(tmp_path / "run", resume=True, epochs=3)
    assert row["epoch"] == 3
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["options"]["epochs"] == 3


def test_resume_with_another_unit_is_an_error(class_run):
    with pytest.raises(ValueError, match="in the run's own unit"):
        train(class_run, resume=True, minutes=3.0)


def test_a_run_with_averages_goes_on(class_folder, tmp_path):
    train(tmp_path / "run", data=str(class_folder), size=4, ema=0.9)
    row = train(tmp_path / "run", resume=True, epochs=2)
    last = load(tmp_path / "run" / "last.keras")
    assert row["epoch"] == 2
    assert last.optimizer.use_ema and last.optimizer.ema_momentum == 0.9
    assert int(last.optimizer.iterations) == row["step"]


# === Captions and learned tokens ===


def test_train_reads_captions_as_long_as_the_longest(caption_run):
    model = load(caption_run)
    assert model.text_length == len("a tall goal")
    assert model.num_classes == 0


def test_train_makes_the_tokenizer_that_was_asked_for(caption_run):
    tokenizer = load(caption_run).tokenizer
    assert type(tokenizer).__name__ == "VQTokenizer"
    assert tokenizer.adapted and tokenizer.vocabulary_size == 8


def test_classes_can_be_left_out(class_folder, tmp_path):
    train(tmp_path / "run", data=str(class_folder), size=4, labels=False)
    assert load(tmp_path / "run").num_classes == 0


# === Going on from another model ===


def test_a_run_goes_on_from_a_model(class_run, class_folder, tmp_path):
    train(
        tmp_path / "run",
        data=str(class_folder),
        labels=False,
        init_from=str(class_run),
        model="small",
        tokenizer="vq",
    )
    old, new = load(class_run), load(tmp_path / "run")
    of_classes = {"num_classes": 2, "class_names": ["ball", "goal"]}
    assert old.config == {**new.config, **of_classes}
    assert new.tokenizer.image_shape == old.tokenizer.image_shape
    np.testing.assert_array_equal(
        new.tokenizer.codebook, old.tokenizer.codebook
    )
    row = train(tmp_path / "run", resume=True, epochs=2)
    assert row["epoch"] == 2


# === Classifiers ===


@pytest.mark.slow
@pytest.mark.parametrize("scratch", [False, True])
def test_classify_saves_a_classifier(
    class_run, class_folder, tmp_path, scratch
):
    shown = invoke(
        *("classify", "--model", class_run, "--data", class_folder),
        *"--split train --epochs 1 --batch-size 8".split(),
        *("--out", tmp_path / "new.keras"),
        *(["--scratch"] if scratch else []),
    ).output
    assert "Test accuracy" in shown.splitlines()[-1]
    assert shown.startswith("A linear probe") is not scratch
    loaded = keras.saving.load_model(tmp_path / "new.keras")
    assert loaded.num_classes == 2


# === From released models ===


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A small model as released ones are: it begins with a class."""
    model = small_models.make_model((4, 4), start="class", cell_embedding=False)
    path = tmp_path_factory.mktemp("released") / "released.keras"
    model.save(path)
    return path


def kernels(path):
    """A projection of the first block, and the head's."""
    model = load(path)
    layer = model.blocks[0].attention.query_key_value
    return np.asarray(layer.kernel), np.asarray(model.head.kernel)


def test_released_model_learns_other_classes(released, class_folder, tmp_path):
    train(tmp_path / "run", data=str(class_folder), init_from=str(released))
    model = load(tmp_path / "run")
    assert model.config["start"] == "class"
    assert model.class_names == ("ball", "goal")


def test_images_of_no_class_leave_a_released_model_its_classes(
    released, class_folder, tmp_path
):
    train(
        tmp_path / "run",
        data=str(class_folder),
        init_from=str(released),
        labels=False,
    )
    assert load(tmp_path / "run").num_classes == 3


def train_lora(released, class_folder, tmp_path):
    train(
        tmp_path / "run",
        data=str(class_folder),
        init_from=str(released),
        edits=["inpaint"],
        lora=2,
    )


def test_lora_changes_projections_alone(released, class_folder, tmp_path):
    train_lora(released, class_folder, tmp_path)
    (before, head), (after, same) = kernels(released), kernels(tmp_path / "run")
    assert np.linalg.matrix_rank(after - before, tol=1e-6) == 2
    np.testing.assert_array_equal(head, same)


def test_lora_teaches_edits(released, class_folder, tmp_path):
    train_lora(released, class_folder, tmp_path)
    encoder = load(tmp_path / "run").source_encoder
    assert np.any(encoder.output_projection.kernel)


def test_lora_needs_a_model_to_begin_with(class_folder, tmp_path):
    with pytest.raises(ValueError, match="--init-from.*--lora 2"):
        train(tmp_path / "run", data=str(class_folder), lora=2)
    assert not (tmp_path / "run").exists()


def test_lora_does_not_go_on(released, class_folder, tmp_path):
    options = {"data": str(class_folder), "init_from": str(released)}
    train(tmp_path / "run", **options, lora=2)
    with pytest.raises(ValueError, match="--resume.*--lora 2"):
        train(tmp_path / "run", resume=True, epochs=2)


@pytest.mark.parametrize("rank", [0, -1, 17, 10**9])
def test_rank_must_be_one_that_the_width_allows(
    released, class_folder, tmp_path, rank
):
    with pytest.raises(ValueError, match="`lora` must be"):
        train(
            tmp_path / "run",
            data=str(class_folder),
            init_from=str(released),
            lora=rank,
        )


@pytest.mark.parametrize(
    "options, words",
    [
        (["--lora", "2", "--init-from", "football"], "--init-from 'a run' …"),
        ([], "--resume --out 'a run'"),
    ],
)
def test_interrupted_run_says_how_to_go_on(options, words, monkeypatch):
    def interrupted(*args):
        raise training_run.Interrupted(15, 3)

    monkeypatch.setattr(training_run, "run", interrupted)
    result = invoke("train", "--out", "a run", *options)
    assert result.exit_code == 143
    assert f"keras-igpt train {words}" in result.output
