"""Tests of the commands `probe` and `classify`."""

import keras
import pytest

from keras_igpt.cli import probe_jobs

OPTIONS = {
    "limit": None,
    "epochs": 1,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "generative_weight": 1.0,
    "scratch": False,
    "seed": 0,
}


@pytest.mark.parametrize(
    "layer, layers",
    [("all", [0, 1, 2, 3, 4]), ("middle", [2]), ("0,3", [0, 3])],
)
@pytest.mark.slow
def test_probe_draws_the_layers_that_are_asked_for(
    class_run, class_folder, tmp_path, layer, layers
):
    lines = []
    rows = probe_jobs.probe(
        class_run,
        str(class_folder),
        layer,
        None,
        "train",
        0,
        tmp_path / "probe.png",
        lines.append,
    )
    assert [row["layer"] for row in rows[2:]] == layers
    assert lines[-1].startswith("Best layer by validation")
    assert (tmp_path / "probe.png").exists()


@pytest.mark.parametrize("layer", ["5", "-1", "last", ""])
def test_bad_layers_are_named(class_run, class_folder, layer):
    with pytest.raises(ValueError, match="`--layer` must be all, middle"):
        probe_jobs.probe(
            class_run, str(class_folder), layer, None, "train", 0, None
        )


@pytest.mark.slow
@pytest.mark.parametrize("scratch", [False, True])
def test_classify_saves_a_classifier(
    class_run, class_folder, tmp_path, scratch
):
    lines = []
    accuracy = probe_jobs.classify(
        class_run,
        str(class_folder),
        {**OPTIONS, "scratch": scratch},
        "train",
        tmp_path / "new.keras",
        lines.append,
    )
    assert 0 <= accuracy <= 1 and lines[-1].startswith("Test accuracy")
    assert lines[0].startswith("A linear probe") is not scratch
    loaded = keras.saving.load_model(tmp_path / "new.keras")
    assert loaded.num_classes == 2
