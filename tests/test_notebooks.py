import json
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).parent.parent / "notebooks"
# The file that each leaves behind at its end, or near it.
RESULTS = {
    "quickstart": "digits.keras",
    "football": "football.png",
    "your_pictures": "served/flags/1/saved_model.pb",
    "igpt": "probe.png",
    "serving": "served/football/1/saved_model.pb",
}
# Pictures to draw or paint, where two are too few.
SMALL = {"your_pictures": "60"}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem
)
def test_notebook_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("KERAS_IGPT_EPOCHS", "1")
    monkeypatch.setenv("KERAS_IGPT_COUNT", SMALL.get(path.stem, "2"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    assert (tmp_path / RESULTS[path.stem]).exists()


@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem
)
def test_notebook_carries_no_output(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    assert not [cell for cell in cells if cell.get("outputs")]


@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem
)
def test_notebook_carries_no_large_output(path):
    assert path.stat().st_size < 500_000
