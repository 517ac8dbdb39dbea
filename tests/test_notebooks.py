import json
import pathlib
import re

import nbformat
import pytest
from small_models import save_picture

from benchmarks import notebooks

FOLDER = pathlib.Path(__file__).parent.parent / "notebooks"
# The file that each leaves behind at its end, or near it.
RESULTS = {
    "quickstart": "digits.keras",
    "football": "football.png",
    "poster": "served/poster/1/saved_model.pb",
    "your_pictures": "served/flags/1/saved_model.pb",
    "igpt": "probe.png",
    "photographs": "served/photographs/1/saved_model.pb",
    "serving": "served/football/1/saved_model.pb",
}
# Images to draw or generate, where two are too few.
SMALL = {"your_pictures": "60"}
# In front of a notebook's own cells: its models are small, two steps an epoch.
MAKE_SMALL = f"""
import sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
import small_models
within = small_models.smallest(steps_per_epoch=2)
within.__enter__()
"""
# What a notebook asks for, and what is asked for here.
LESS = {
    '"serving_default", "generate", "edit': '"generate", "edit',
    "num_layers=6, num_heads=4, hidden_dim=128": (
        "num_layers=2, num_heads=1, hidden_dim=16"
    ),
}

each_notebook = pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem
)


def sources(path):
    """The text of each cell."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@each_notebook
def test_notebook_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    from nbclient import NotebookClient

    monkeypatch.setenv("KERAS_IGPT_EPOCHS", "1")
    monkeypatch.setenv("KERAS_IGPT_COUNT", SMALL.get(path.stem, "2"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for usual, less in LESS.items():
            cell.source = cell.source.replace(usual, less)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(MAKE_SMALL))
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    assert (tmp_path / RESULTS[path.stem]).exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_pictures_of_ones_own_are_left_alone(tmp_path):
    from nbclient import NotebookClient

    save_picture(tmp_path / "flags" / "mine.png", (1, 2, 3), (8, 8))
    notebook = nbformat.read(FOLDER / "your_pictures.ipynb", as_version=4)
    draws = ["draw_flag(" in cell.source for cell in notebook.cells].index(True)
    notebook.cells = notebook.cells[: draws + 1]
    NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    assert [p.name for p in (tmp_path / "flags").iterdir()] == ["mine.png"]


@pytest.mark.parametrize("usual", LESS)
def test_what_is_made_small_is_written(usual):
    paths = FOLDER.glob("*.ipynb")
    text = "".join(cell for path in paths for cell in sources(path))
    assert usual in text


def test_all_notebooks_install_the_package_alike():
    cells = [sources(path)[1] for path in FOLDER.glob("*.ipynb")]
    assert "%pip install" in cells[0] and len(set(cells)) == 1


def test_commands_in_notebooks_can_be_copied():
    lines = [
        line
        for path in FOLDER.glob("*.ipynb")
        for cell in sources(path)
        for line in cell.splitlines()
    ]
    assert any(line.endswith("\\") for line in lines)
    assert not [line for line in lines if line.endswith("\\\\")]


@each_notebook
def test_outputs_are_of_the_text_beside_them(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata["outputs_of"] == notebooks.digest(notebook)


@each_notebook
def test_notebook_was_run_from_top_to_bottom(path):
    cells = nbformat.read(path, as_version=4).cells
    counts = [c.execution_count for c in cells if c.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_notebook_shows_pictures(path):
    assert '"image/png"' in path.read_text("utf-8")


@each_notebook
def test_outputs_tell_nothing_of_the_machine(path):
    cells = nbformat.read(path, as_version=4).cells
    printed = json.dumps([cell.get("outputs") for cell in cells])
    assert not re.search("/home/|/root/|/tmp/|stderr|\\\\b|\\\\r", printed)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_outputs_are_kept_and_logs_are_not(tmp_path):
    text = "import sys\nprint('generated')\nprint('log', file=sys.stderr)"
    cells = [nbformat.v4.new_code_cell(text)]
    path = tmp_path / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    notebooks.run(path)
    (cell,) = nbformat.read(path, as_version=4).cells
    assert [output.text for output in cell.outputs] == ["generated\n"]


def test_progress_is_kept_as_a_terminal_shows_it():
    text = "\b\r 1/2\b\b\b\b\r 2/2\ndone\n"
    assert notebooks.as_printed(text) == " 2/2\ndone\n"


@each_notebook
def test_notebook_carries_no_large_output(path):
    assert path.stat().st_size < 500_000


@each_notebook
def test_published_notebooks_open_in_colab_and_clone(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    for repository in ("someone/other", "owner/name"):  # the last counts
        notebooks.publish(copy, repository)
    title, install, *rest = sources(copy)
    assert title.count("colab.research.google.com/github/") == 1
    assert f"/github/owner/name/blob/main/notebooks/{path.name})" in title
    assert install.count("git clone") == 1
    assert "https://github.com/owner/name keras_igpt\n" in install
    assert rest == sources(path)[2:]
    notebook = nbformat.read(copy, as_version=4)
    assert notebook.metadata["outputs_of"] == notebooks.digest(notebook)
