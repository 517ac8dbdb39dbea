"""Tests of the files of a run's folder."""

import json
import subprocess
import sys
import zipfile

import pytest
from small_models import TRAIN_OPTIONS

from keras_igpt.training import run_folder
from keras_igpt.training.run_folder import STATE


def test_state_of_no_run_is_the_beginning(tmp_path):
    assert run_folder.read_state(tmp_path)["spent"] == 0.0


def with_state(path, content):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(STATE, content)


def test_state_lies_in_the_model(tmp_path):
    with_state(tmp_path / "last.keras", json.dumps({"spent": 0.25, "step": 7}))
    (tmp_path / "state.json").write_text(json.dumps({"spent": 0.1}))
    state = run_folder.read_state(tmp_path)
    assert state["spent"] == 0.25 and state["step"] == 7


def test_state_of_earlier_versions_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "last.keras", "w"):
        pass
    known = {"spent": 0.5, "epoch": 3, "best_val_bits_per_pixel": 1.5}
    (tmp_path / "state.json").write_text(json.dumps(known))
    found = run_folder.read_state(tmp_path)
    assert found == {**known, "batch": 0, "step": 0, "epoch_step": 0}


def test_begin_of_an_epoch_that_an_earlier_version_did_not_say(tmp_path):
    known = {"spent": 0.5, "epoch": 3, "batch": 4, "step": 19}
    (tmp_path / "state.json").write_text(json.dumps(known))
    assert run_folder.read_state(tmp_path)["epoch_step"] == 15


def test_figure_to_beat_is_the_best_models_own(tmp_path):
    """It was saved after the last whole checkpoint, and then came the kill."""
    best = "best_val_bits_per_pixel"
    with_state(tmp_path / "last.keras", json.dumps({best: 2.0}))
    with_state(tmp_path / "best.keras", json.dumps({best: 1.0}))
    assert run_folder.read_state(tmp_path)[best] == 1.0


@pytest.mark.parametrize(
    "content",
    ["[]", "{", '{"spent": "all"}', '{"step": -1}', "x" * 100_000],
    ids=["list", "cut", "word", "negative", "long"],
)
def test_damaged_state_is_named(tmp_path, content):
    with_state(tmp_path / "last.keras", content)
    with pytest.raises(ValueError, match="must hold a whole run"):
        run_folder.read_state(tmp_path)


def test_damaged_model_is_named(tmp_path):
    (tmp_path / "last.keras").write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match="last.keras.*fails with"):
        run_folder.read_state(tmp_path)


def test_log_is_cut_where_the_model_is(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,step,loss\n1,5,2.0\n2,10,1.5\n3,15,1.2\n3,1")
    run_folder.cut_log(tmp_path, step=10)
    assert path.read_text() == "epoch,step,loss\n1,5,2.0\n2,10,1.5\n"


def begun(folder, spent=0.5):
    config = {"options": {**vars(TRAIN_OPTIONS), "data": "a", "epochs": 4}}
    (folder / "config.json").write_text(json.dumps(config))
    state = {"spent": spent, "epoch": 2, "step": 8, "budget": 4}
    with_state(folder / "last.keras", json.dumps(state))


def test_share_of_a_longer_budget_is_smaller(tmp_path):
    begun(tmp_path)
    options = run_folder.TrainingOptions(**{**vars(TRAIN_OPTIONS), "epochs": 8})
    state = run_folder.begin_again(tmp_path, options, {"epochs": 4})
    assert state["spent"] == 0.25
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["options"]["epochs"] == 8


def test_budget_is_the_one_that_the_model_was_saved_under(tmp_path):
    """The new one was recorded, and then came the kill."""
    begun(tmp_path)
    options = run_folder.TrainingOptions(**{**vars(TRAIN_OPTIONS), "epochs": 8})
    run_folder.begin_again(tmp_path, options, {"epochs": 4})
    assert run_folder.begin_again(tmp_path, options, {})["spent"] == 0.25


def test_leftovers_of_killed_processes_are_taken_away(tmp_path):
    begun(tmp_path)
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
    )
    left = tmp_path / f".last.{dead.stdout.strip()}.keras"
    left.touch()
    run_folder.begin_again(tmp_path, TRAIN_OPTIONS, {})
    assert not left.exists()


# === Whose folder it is ===


def test_new_and_empty_folders_are_free(tmp_path):
    run_folder.check_free(tmp_path)
    run_folder.check_free(tmp_path / "new")


def test_folder_of_a_run_without_a_model_is_free(tmp_path):
    (tmp_path / "config.json").touch()
    (tmp_path / "run.lock").touch()
    run_folder.check_free(tmp_path)


@pytest.mark.parametrize("name", ["best.keras", "photo.jpg", "log.csv"])
def test_folder_of_others_is_not_written_into(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(FileExistsError, match=f"which holds {name}"):
        run_folder.check_free(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(NotADirectoryError, match="must be a folder"):
        run_folder.check_free(tmp_path / "out")


def test_second_process_is_refused(tmp_path):
    program = (
        "import sys, keras_igpt.training.run_folder as r\n"
        "with r.locked(sys.argv[1]): print('in')"
    )
    with run_folder.locked(tmp_path):
        result = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True,
            text=True,
        )
    assert "no other process trains in" in result.stderr
    assert "in" not in result.stdout


def test_lock_ends_with_its_process(tmp_path):
    program = (
        "import os, sys, keras_igpt.training.run_folder as r\n"
        "with r.locked(sys.argv[1]): os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)])
    with run_folder.locked(tmp_path):
        pass


def test_folder_in_which_nothing_was_written_is_taken_away(tmp_path):
    with pytest.raises(RuntimeError), run_folder.locked(tmp_path / "a" / "b"):
        raise RuntimeError
    assert not (tmp_path / "a").exists()


def test_folder_that_was_there_stays(tmp_path):
    with run_folder.locked(tmp_path):
        pass
    assert tmp_path.exists()
