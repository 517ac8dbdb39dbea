"""Tests of README and `docs/`: code and commands run, at tiny size."""

import configparser
import importlib.util
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import typer.main
from documents import (
    CHINESE,
    CHINESE_PAGES,
    NOT_RUN,
    PAGES,
    README,
    ROOT,
    anchors,
    blocks,
    commands,
    links,
    reason_not_to_run,
    shell_lines,
    text_of,
)
from PIL import Image
from small_models import SMALLEST
from typer.testing import CliRunner

import keras_igpt
from keras_igpt import data
from keras_igpt.cli import app
from keras_igpt.images.files import save_png

CARD = "saved_models/football/README.md"
LINES = [(name, line) for name in PAGES for line in shell_lines(name)]
COMMANDS = [words for name in [*PAGES, CARD] for words in commands(name)]

# Each once, whichever pages have it.
TO_RUN = []
for _name in PAGES:
    TO_RUN += [w for w in commands(_name, run=True) if w not in TO_RUN]

# What makes a model that other commands name.
MAKERS = {
    words[words.index("--out") + 1]: words
    for name in PAGES
    for words in commands(name)
    if words[0] in ("train", "tokenize", "grid") and "--resume" not in words
}


each_page = pytest.mark.parametrize("name", PAGES)


def in_short(words):
    return " ".join(words)[:60]


# === What is written ===


@pytest.mark.parametrize("words", COMMANDS, ids=in_short)
def test_command_is_understood(words):
    command = typer.main.get_command(app).commands[words[0]]
    context = command.make_context(words[0], list(words[1:]))
    assert context.params


@pytest.mark.parametrize(
    "line",
    [line for _, line in LINES if "benchmarks.football " in line],
)
def test_command_of_football_is_understood(line):
    from benchmarks.football import app

    name, *words = shlex.split(line)[3:]
    command = typer.main.get_command(app).commands[name]
    assert command.make_context(name, words).params


@pytest.mark.parametrize("name,line", LINES)
def test_line_is_run_or_has_a_reason(name, line):
    assert line.startswith("keras-igpt") or reason_not_to_run(line)


@pytest.mark.parametrize("start", NOT_RUN)
def test_reason_is_needed(start):
    assert [line for _, line in LINES if line.startswith(start)]


def test_commands_that_are_named_exist():
    known = set(typer.main.get_command(app).commands)
    for name in [*PAGES, CHINESE, CARD]:
        named = re.findall(r"`keras-igpt\s+([\w-]+)", text_of(name))
        assert set(named) <= known, name


def test_targets_that_are_named_exist():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M)
    for name in [*PAGES, CHINESE]:
        named = re.findall(r"`make (\w+)`", text_of(name))
        named += [
            line.split()[1]
            for line in shell_lines(name)
            if line.startswith("make ")
        ]
        assert set(named) <= set(targets), name


def test_modules_to_run_exist():
    for name in [*PAGES, CARD]:
        for module in re.findall(
            r"python\s-m\s(benchmarks[\w.]*)", text_of(name)
        ):
            assert importlib.util.find_spec(module), (name, module)


def test_extras_that_are_named_exist():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    for name in [*PAGES, CHINESE]:
        extras = re.findall(r"(?:keras_igpt|\.)\[(\w+)\]'", text_of(name))
        assert set(extras) <= set(config["options.extras_require"]), name


ALL_PAGES = [*PAGES, CHINESE, *CHINESE_PAGES]


def test_all_pages_are_looked_at():
    found = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert found == {name for name in ALL_PAGES if name.startswith("docs/")}


@pytest.mark.parametrize("name", [*ALL_PAGES, CARD, "saved_models/README.md"])
def test_what_is_linked_exists(name):
    for path, anchor in links(name):
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.exists(), path
        if anchor and not anchor.startswith("keras_igpt."):
            assert anchor in anchors(file), (path, anchor)


@each_page
def test_files_that_are_named_exist(name):
    named = re.findall(r"`([\w/]+/\w+\.(?:py|ipynb|md))`", text_of(name))
    missing = [
        file
        for file in named
        if not (ROOT / file).exists()
        and not (ROOT / "keras_igpt" / file).exists()
    ]
    assert not missing


def test_what_we_say_we_can_do_leads_to_where_it_is_shown():
    rows = re.findall(
        r"^\| (?!\|)([^|]+) \| ([^|]+) \|",
        text_of("docs/compare.md"),
        re.MULTILINE,
    )
    assert len(rows) > 25
    for asked, ours in rows:
        assert ours == "no" or "](" in ours, asked


def test_table_of_rooms_is_what_the_code_keeps_to():
    from test_architecture import ROOMS

    rows = re.findall(
        r"^\| `(\w+)` \| .* \| (.*) \|$",
        text_of("docs/architecture.md"),
        re.MULTILINE,
    )

    def rule(cell):
        if cell.startswith("all above"):
            return {"*", cell.removeprefix("all above").removeprefix(" but ")}
        return set(cell.split(", "))

    def kept(text):
        if text.startswith("*"):
            return {"*", text.removeprefix("* -")}
        return set(text.split())

    assert [room for room, _ in rows] == list(ROOMS)
    for room, cell in rows:
        assert rule(cell) == kept(ROOMS[room]), room


@pytest.mark.parametrize("name", [*PAGES, CARD, "saved_models/README.md"])
def test_words_are_those_of_the_field(name):
    text = text_of(name).replace("your_pictures", "")
    assert not re.findall(r"\b(?:paint|picture)\w*", text, re.IGNORECASE)


# === What is run ===


def write_images(folder, names, side=64):
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for name in names:
        pixels = generator.integers(0, 256, (side, side, 3), "uint8")
        Image.fromarray(pixels).save(folder / name)


EDITS = [
    *("inpaint", "upscale", "colorize", "denoise"),
    *("restyle/layout", "restyle/twin"),
]


def football_like(tokenizer, edits=EDITS):
    """A model that can do what the shipped one can, untrained."""
    return keras_igpt.ImageGPT(
        tokenizer, **SMALLEST, text_length=80, edits=edits
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory, smallest):
    """A folder with the files that the pages speak of, and small models."""
    root = tmp_path_factory.mktemp("place")
    write_images(root, ["photo.jpg", "image.jpg", "map.png"])
    write_images(root, ["image8.png"], 8)
    names = [f"{i}.png" for i in range(12)]
    for label in ("cat", "dog"):
        write_images(root / "path" / "to" / "images" / label, names, 16)
    save_png(root / "generated.png", np.zeros((8, 8, 3), "uint8"), {"seed": 0})
    # In place of "football", which would take minutes to draw.
    names = [f"{i}.png" for i in range(40)]  # enough for a test split
    write_images(root / "captioned", names, 16)
    rows = [
        f"{name},{name},{'layout twin'.split()[i % 2]},{i} red"
        for i, name in enumerate(names)
    ]
    head = "file_name,source_file_name,style,text"
    (root / "captioned" / "metadata.csv").write_text("\n".join([head, *rows]))
    tokenizer = keras_igpt.VQTokenizer((16, 16), 8, hidden_dim=8)
    tokenizer.adapt(data.load(root / "captioned", image_size=16), epochs=1)
    football_like(tokenizer).save(root / "football16.keras")
    football_like(tokenizer, ["inpaint"]).save(root / "inpaint16.keras")
    # Cells are read one by one: the same weights are good for any size.
    large = keras_igpt.VQTokenizer((64, 64), 8, hidden_dim=8)
    large.set_weights(tokenizer.get_weights())
    large.adapted = True
    football_like(large).save(root / "football64.keras")
    # In place of released ones, which would be downloaded.
    keras_igpt.ImageGPT(
        tokenizer,
        **SMALLEST,
        num_classes=2,
        class_names=["dog", "soccer ball, football"],
        start="class",
        cell_embedding=False,
    ).save(root / "released.keras")
    return root


@pytest.fixture
def here(place, monkeypatch):
    """That folder as the one that a test is in."""
    monkeypatch.chdir(place)
    keras.utils.set_random_seed(0)


def tiny(words):
    """The command with little data, few and small images, and no time."""
    words = list(words)
    small = {
        "--minutes": "0.04" if "--resume" in words else "0.02",
        "--n": "1",
        "--size": "16" if "vq" in words else "8",
        "--keep-rows": "4",
        "--codes": "8",
        "--limit": "4",
        "--batch-size": "4",
    }
    # Places on the canvas are of the shipped model's size; each edit is one
    # more signature to export.
    sizes = {"edit": "football64", "export": "inpaint16"}
    football = sizes.get(words[0], "football16")
    for i, word in enumerate(words[:-1]):
        words[i + 1] = small.get(word, words[i + 1])
        if word == "--data" and words[i + 1] not in MAKERS:
            captioned = words[i + 1].startswith(("football", "openmoji"))
            words[i + 1] = "captioned" if captioned else "path/to/images"
        if (word, words[i + 1]) == ("--model", "football"):
            words[i + 1] = f"{football}.keras"
        if words[i + 1].startswith("llamagen-"):
            words[i + 1] = "released.keras"
    if words[0] == "train" and "--resume" not in words:
        words += ["--model", "tiny", "--colors", "8", "--codes", "8"]
        words += ["--tokenizer-minutes", "0.02"]
        if not {"--size", "--init-from", "--tokenizer-from"} & set(words):
            words += ["--size", "16" if "vq" in words else "8"]
    return words


ran = set()

# Options that name what another command makes.
NEEDED = "--model --init-from --tokenizer --tokenizer-from --data".split()


def run(words):
    """Runs a command once; before it what makes the model that it needs."""
    if tuple(words) in ran:
        return
    ran.add(tuple(words))
    for option, value in zip(words, words[1:]):
        is_needed = option in NEEDED or (
            option == "--out" and "--resume" in words
        )
        if is_needed and value in MAKERS:
            run(MAKERS[value])
    if words[0] in ("show", "again"):
        run(MAKERS[words[1]])
    with pytest.MonkeyPatch.context() as patch:
        if "any" in words:  # half of the blocks read, half ask
            pair = {**SMALLEST, "num_layers": 2}
            patch.setitem(keras_igpt.ImageGPT.SIZES, "tiny", pair)
        result = CliRunner().invoke(app, tiny(words))
    assert result.exit_code == 0, (words, result.output, result.exception)


@pytest.mark.slow
@pytest.mark.parametrize("words", TO_RUN, ids=in_short)
def test_command_runs(words, here):
    run(words)


def arguments(name):
    """Names that a page's code uses before it has made them."""
    if name in (README, "docs/guide.md"):
        return {}
    side = 8 if name == "docs/igpt.md" else 16
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (2, side, side, 3), "uint8")
    labelled = data.load("path/to/images", image_size=side)
    return {
        "keras": keras,
        "keras_igpt": keras_igpt,
        "images": images,
        "masks": np.arange(side) < side // 2 + np.zeros((side, 1)),
        "small": images[:, ::4, ::4],
        "maps": images,
        "captions": ["One red player", "无球"],
        "train": labelled,
        "test": labelled,
    }


def with_model(names):
    """Adds a small model with captions, and its data."""
    model = keras_igpt.load("football16.keras")
    train = data.load("captioned", image_size=16)
    names |= {"model": model, "tokenizer": model.tokenizer, "train": train}


def with_labels_and_captions(names):
    """Makes the data both."""
    count = 8
    names["train"] = {
        "image": np.zeros((count, 16, 16, 3), "uint8"),
        "label": np.arange(count),
        "text": ["a ball"] * count,
    }


def write_original():
    """Writes a small iGPT in Hugging Face's form."""
    tokenizer = keras_igpt.PaletteTokenizer((8, 8), num_colors=16)
    colors = np.random.default_rng(0).uniform(-1, 1, (16, 3))
    tokenizer.set_palette(colors)
    original = {
        name: keras_igpt.ImageGPT.SIZES["igpt_s"][name]
        for name in ("positions", "activation", "qk_norm", "use_bias")
    }
    size = {"num_layers": 2, "num_heads": 2, "hidden_dim": 32}
    model = keras_igpt.ImageGPT(tokenizer, **size, **original)
    if not pathlib.Path("imagegpt-small").exists():
        keras_igpt.openai.save(model, "imagegpt-small")


def write_released():
    """Writes names and shapes as released, small and with random weights."""
    from safetensors.numpy import save_file

    from keras_igpt.pretrained.arpg import names as any_order
    from keras_igpt.pretrained.llamagen.names import Sizes, rows

    random = np.random.default_rng(0)
    sizes = Sizes(1, 1, 16, 32, 96, 1000)
    arrays = {
        name: random.normal(size=row.shape).astype("float32")
        for row in rows(sizes)
        for name in row.names
    }
    save_file(arrays, "c2i_small.safetensors")
    sizes = any_order.Sizes(2, 1, 16, 32, 96, 1000)
    arrays = {
        name: random.normal(size=row.shape).astype("float32")
        for row in any_order.rows(sizes)
        for name in row.names
    }
    save_file(arrays, "arpg_small.safetensors")
    shutil.copy(ROOT / "tests/golden/released/llamagen_vq_b.pt", ".")


SMALL = "num_layers=1, num_heads=1, hidden_dim=16"
LESS = {
    "epochs=20": "epochs=1",
    "epochs=5": "epochs=1",
    "minutes=10": "epochs=1",
    "num_layers=4, num_heads=4, hidden_dim=96": SMALL,
    "ImageGPT(tokenizer, ": f"ImageGPT(tokenizer, {SMALL}, ",
    "num_classes=len(": f"{SMALL}, num_classes=len(",
    'load("football", image_size=64)': 'load("captioned", image_size=16)',
    'load("football")': 'load("football16.keras")',
    "VQTokenizer((64, 64)": "VQTokenizer((16, 16)",
    "PaletteTokenizer((32, 32), num_colors=512)": (
        "PaletteTokenizer((8, 8), num_colors=8)"
    ),
    "image_size=32": "image_size=8",
    '"vq_ds16_c2i.pt", image_size=(256, 256)': (
        '"llamagen_vq_b.pt", image_size=(16, 16)'
    ),
    '"c2i_B_256.pt", tokenizer': '"c2i_small.safetensors", tokenizer, 1',
    '"arpg_300m.pt", tokenizer': '"arpg_small.safetensors", tokenizer, 1',
    "steps=64": "steps=3",
    # of the original, which has 24 layers and 32 rows
    "layer=12": "layer=1",
    "keep_rows=16": "keep_rows=4",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in PAGES if blocks(name, "python")]
)
def test_python_runs(name, here):
    names = arguments(name)
    if name in ("docs/training.md", "docs/large_data.md"):
        with_model(names)
    if name == "docs/igpt.md":
        write_original()
    if name == "docs/photographs.md":
        write_released()
        with_labels_and_captions(names)
    for block in blocks(name, "python"):
        for usual, less in LESS.items():
            block = block.replace(usual, less)
        exec(compile(block, name, "exec"), names)


@pytest.mark.parametrize("usual", LESS)
def test_what_is_made_small_is_written(usual):
    text = "".join(c for name in PAGES for c in blocks(name, "python"))
    assert usual in text


@pytest.mark.slow
def test_pages_are_built_and_fetch_nothing(tmp_path):
    pytest.importorskip("mkdocs")
    subprocess.run(
        shlex.split(f"{sys.executable} -m mkdocs build --strict -d {tmp_path}"),
        cwd=ROOT,
        check=True,
    )
    for name in PAGES[1:]:
        page = (tmp_path / name).with_suffix(".html").name
        text = (tmp_path / page).read_text("utf-8")
        assert not re.findall(
            r"""<(?:script|img|link|iframe)[^>]*(?:src|href)=["']?https?:""",
            text,
        )
    assert "keras_igpt.ImageGPT.generate" in (tmp_path / "api.html").read_text()
