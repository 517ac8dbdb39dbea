"""The limits that `docs/security.md` states are those that hold."""

import pathlib

import pytest

from keras_igpt import argument_checks
from keras_igpt.cli.demo import guard, history, page
from keras_igpt.data import folder, folder_index
from keras_igpt.data.shards import manifest
from keras_igpt.generation import plans
from keras_igpt.images import crop, files, opening
from keras_igpt.pretrained import inert_pickle, model_files, torch_files
from keras_igpt.training import schedule

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "security.md"
MIB = 2**20

STATED = [
    ("`config.json`", f"{model_files.MAX_CONFIG // MIB} MiB"),
    (
        "a part of a `.keras` file, unpacked",
        f"{model_files.MAX_EXPANSION} times its packed size, or "
        f"{model_files.SMALL // MIB} MiB",
    ),
    ("pickle of a PyTorch file", f"{inert_pickle.MAX_BYTES // MIB} MiB"),
    (
        "its tensors",
        f"{torch_files.SHARED} times the file and "
        f"{torch_files.SPARE // MIB} MiB; {torch_files.MAX_AXES} axes",
    ),
    ("sides of an image", f"{argument_checks.MOST_SIDE:,} pixels"),
    ("`--expand`", f"{crop.MAX_CANVAS:,} pixels"),
    ("an image file", f"{opening.MAX_BYTES // MIB} MiB"),
    (f"images of over {files.LARGE:,} pixels", "one at a time"),
    ("that wait in a data set", f"{folder.WAITING_BYTES // MIB} MiB"),
    ("placed on a canvas", f"{crop.MAX_PLACED:,} pixels"),
    (
        "a manifest of shards",
        f"{manifest.MAX_BYTES // MIB} MiB, {manifest.MAX_SHARDS:,} shards a "
        f"split, {manifest.MAX_REJECTED:,} files",
    ),
    ("labels of a table", f"{folder_index.MAX_CLASSES:,}"),
    ("counts", f"{argument_checks.MOST:,}"),
    (
        "layers",
        f"{argument_checks.MOST_LAYERS:,} and {argument_checks.MOST_WIDTH:,}",
    ),
    ("orders in which", f"{plans.MOST_ORDERS:,}"),
    ("a budget", f"{schedule.ENDLESS:,} epochs"),
    ("a learning rate", f"{schedule.MOST_RATE:,.0f}"),
    ("uploaded", f"{guard.MAX_UPLOAD // 10**6} MB"),
    ("another request", f"{guard.MAX_REQUEST[''] // MIB} MiB"),
    ("of a visit", f"{history.MAX_ENTRIES}"),
    (
        "clicks",
        f"{page.MAX_WAITING} in all, {guard.MAX_OF_ADDRESS} of an address, "
        f"{guard.MAX_OF_SESSION} of a tab",
    ),
]


@pytest.mark.parametrize(("what", "limit"), STATED)
def test_stated_limit_is_the_one_that_holds(what, limit):
    rows = PAGE.read_text("utf-8").splitlines()
    (row,) = [x for x in rows if x.startswith("|") and what in x.split("|")[1]]
    assert limit in row.split("|")[2]
