"""Tests of models of the Hub, from a server on this machine."""

import base64
import contextlib
import functools
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import pytest
from saying import Saying
from small_models import make_model

import keras_igpt
from keras_igpt.pretrained import hub
from keras_igpt.pretrained.manifest import write_manifest
from keras_igpt.pretrained.model_card import write_card

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "released"
REVISION = "0123456789abcdef0123456789abcdef01234567"


# Paths that servers were asked for.
asked = []


class Handler(Saying, http.server.SimpleHTTPRequestHandler):
    """Answers as the Hub does for files of one revision."""

    def send_head(self):
        asked.append(self.path)
        path = pathlib.Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("X-Repo-Commit", REVISION)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return path.open("rb")


class Interrupted(Handler):
    """Sends half of what it announced."""

    def copyfile(self, source, outputfile):
        content = source.read()
        outputfile.write(content[: len(content) // 2])


@contextlib.contextmanager
def served(folder, kind=Handler):
    """The address of a server of a folder."""
    handler = functools.partial(kind, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def repository(tmp_path):
    """`owner/name` with a model."""
    folder = tmp_path / "web" / "owner" / "name" / "resolve" / "main"
    folder.mkdir(parents=True)
    make_model(num_layers=1).save(folder / "small.keras")
    return tmp_path / "web"


def python(code, tmp_path, **variables):
    """What a new process prints, and its errors."""
    environment = {
        **os.environ,
        "HF_HOME": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_XET": "1",
        "PYTHONPATH": str(pathlib.Path(keras_igpt.__file__).parents[1]),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


LOAD = """
import keras_igpt
print(keras_igpt.load("hf://owner/name/small.keras").num_classes)
"""


@pytest.mark.slow
def test_model_is_fetched_once_and_then_found_without_a_network(
    repository, tmp_path
):
    with served(repository) as address:
        found = python(LOAD, tmp_path, HF_ENDPOINT=address)
    assert found.stdout == "3\n", found.stderr
    assert "Downloading small.keras of" in found.stderr
    found = python(LOAD, tmp_path, HF_HUB_OFFLINE="1")
    assert found.stdout == "3\n", found.stderr
    assert "Downloading" not in found.stderr


@pytest.mark.slow
def test_missing_file_and_network_are_named(repository, tmp_path):
    code = LOAD.replace("small", "other")
    with served(repository) as address:
        found = python(code, tmp_path, HF_ENDPOINT=address)
    assert "other.keras of owner/name must be in the cache" in found.stderr
    found = python(code, tmp_path, HF_HUB_OFFLINE="1")
    assert "other.keras of owner/name must be in the cache" in found.stderr


@pytest.mark.slow
def test_interrupted_download_is_named_and_leaves_nothing_to_load(
    repository, tmp_path
):
    with served(repository, Interrupted) as address:
        found = python(LOAD, tmp_path, HF_ENDPOINT=address)
    assert "small.keras of owner/name must be in the cache" in found.stderr
    found = python(LOAD, tmp_path, HF_HUB_OFFLINE="1")
    assert "small.keras of owner/name must be in the cache" in found.stderr
    with served(repository) as address:
        found = python(LOAD, tmp_path, HF_ENDPOINT=address)
    assert found.stdout == "3\n", found.stderr


@pytest.mark.slow
def test_nothing_but_the_named_file_is_fetched(repository, tmp_path):
    folder = repository / "owner" / "name" / "resolve" / "main"
    (folder / "setup.py").write_text("raise SystemExit(1)")
    asked.clear()
    with served(repository) as address:
        python(LOAD, tmp_path, HF_ENDPOINT=address)
    files = {path for path in asked if "/resolve/" in path}
    assert files == {
        f"/owner/name/resolve/main/{name}"
        for name in ("small.keras", "keras_igpt.json")
    }


@pytest.mark.slow
@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_second_load_asks_the_network_for_nothing(
    repository, tmp_path, with_manifest
):
    folder = repository / "owner" / "name" / "resolve" / "main"
    if with_manifest:
        write_manifest(folder, ["small.keras"])
    with served(repository) as address:
        counts = []
        for _ in range(2):
            asked.clear()
            found = python(LOAD, tmp_path, HF_ENDPOINT=address)
            assert found.stdout == "3\n", found.stderr
            counts.append(len(asked))
    assert counts[0] > 0 and counts[1] == 0


class Receiving(Handler):
    """Takes repositories and files, as the Hub does; keeps them as files."""

    def do_POST(self):
        asked.append(self.path)
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        kinds = {
            "/api/repos/create": self.create,
            "/api/validate-yaml": lambda: {"errors": [], "warnings": []},
            "/preupload/": self.preupload,
            "/info/lfs/objects/batch": self.batch,
            "/commit/": self.commit,
        }
        for part, answer in kinds.items():
            if part in self.path:
                return self.say(answer())
        return self.say({}, 404)

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        objects = pathlib.Path(self.directory, "objects")
        objects.mkdir(exist_ok=True)
        (objects / self.path.split("/")[-1]).write_bytes(content)
        self.say({})

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def create(self):
        wanted = json.loads(self.body)
        name = f"{wanted['organization']}/{wanted['name']}"
        return {"url": f"{self.address}/{name}", "name": name, "id": name}

    def preupload(self):
        modes = {True: "lfs", False: "regular"}
        return {
            "files": [
                {
                    "path": file["path"],
                    "uploadMode": modes[file["path"].endswith(".keras")],
                    "shouldIgnore": False,
                }
                for file in json.loads(self.body)["files"]
            ]
        }

    def batch(self):
        return {
            "transfer": "basic",
            "objects": [
                {
                    **one,
                    "actions": {
                        "upload": {"href": f"{self.address}/put/{one['oid']}"}
                    },
                }
                for one in json.loads(self.body)["objects"]
            ],
        }

    def commit(self):
        _, _, _, owner, name, _, revision = self.path.split("/")
        folder = pathlib.Path(self.directory, owner, name, "resolve", revision)
        folder.mkdir(parents=True, exist_ok=True)
        for line in self.body.decode().splitlines():
            row = json.loads(line)
            value = row["value"]
            if row["key"] == "lfsFile":
                stored = pathlib.Path(self.directory, "objects", value["oid"])
                (folder / value["path"]).write_bytes(stored.read_bytes())
            elif row["key"] == "file":
                content = base64.b64decode(value["content"])
                (folder / value["path"]).write_bytes(content)
        return {
            "commitUrl": f"{self.address}/{owner}/{name}/commit/{REVISION}",
            "commitOid": REVISION,
            "hookOutput": "",
        }


UPLOAD = """
from keras_igpt.cli import app
app(["upload", {source!r}, "hf://owner/name", "--license", "mit"])
"""

LOAD_ALL = """
import keras_igpt
print(keras_igpt.load("hf://owner/name").num_classes)
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "mine.keras"
    make_model(num_layers=1).save(path)
    return path


@pytest.mark.slow
def test_a_model_that_was_sent_is_loaded_elsewhere(source, tmp_path):
    web = tmp_path / "web"
    web.mkdir()
    with served(web, Receiving) as address:
        there = {"HF_ENDPOINT": address, "HF_TOKEN": "hf_of_a_test"}
        sent = python(UPLOAD.format(source=str(source)), tmp_path, **there)
        assert "/owner/name" in sent.stdout, sent.stderr
        found = python(LOAD_ALL, tmp_path, HF_ENDPOINT=address)
        assert found.stdout == "3\n", found.stderr
    folder = web / "owner" / "name" / "resolve" / "main"
    assert (folder / "model.keras").read_bytes() == source.read_bytes()
    assert 'load("hf://owner/name")' in (folder / "README.md").read_text()


@pytest.mark.slow
def test_a_file_that_is_not_the_one_that_was_sent_is_refused(source, tmp_path):
    folder = tmp_path / "web" / "owner" / "name" / "resolve" / "main"
    write_card(source, folder, "mit")
    make_model(num_layers=2).save(folder / "model.keras")
    with served(tmp_path / "web") as address:
        found = python(LOAD_ALL, tmp_path, HF_ENDPOINT=address)
    assert "is damaged or another one" in found.stderr


@pytest.mark.slow
def test_a_hub_that_refuses_is_named(source, tmp_path):
    with served(tmp_path) as address:  # takes nothing
        there = {"HF_ENDPOINT": address, "HF_TOKEN": "hf_of_a_test"}
        sent = python(UPLOAD.format(source=str(source)), tmp_path, **there)
    assert "The Hub must take owner/name" in sent.stderr


def test_released_model_is_made_of_its_two_files(monkeypatch, tmp_path):
    asked = []

    def fetched(repository, file, licence):
        asked.append((repository, file, licence))
        return shutil.copy(GOLDEN / "llamagen_vq_a.pt", tmp_path / file)

    monkeypatch.setattr(hub, "fetched", fetched)
    # The same size of codebook, but no Transformer: it is looked into.
    with pytest.raises(ValueError, match="c2i_L_384.pt with 0 layers"):
        keras_igpt.load("llamagen-l-384")
    repository = "FoundationVision/LlamaGen"
    assert asked == [
        (repository, "vq_ds16_c2i.pt", "MIT"),
        (repository, "c2i_L_384.pt", "MIT"),
    ]


def test_model_of_any_order_is_made_with_the_tokenizer_of_another(
    monkeypatch, tmp_path
):
    asked = []

    def fetched(repository, file, licence):
        asked.append((repository, file))
        return shutil.copy(GOLDEN / "llamagen_vq_a.pt", tmp_path / file)

    monkeypatch.setattr(hub, "fetched", fetched)
    with pytest.raises(ValueError, match=r"arpg_700m.pt with 0 \+ 0 layers"):
        keras_igpt.load("arpg-xl-256")
    assert asked == [
        ("FoundationVision/LlamaGen", "vq_ds16_c2i.pt"),
        ("hp-l33/ARPG", "arpg_700m.pt"),
    ]


@pytest.mark.parametrize(
    "address", ["hf://owner", "hf://owner/name@", "hf://owner/name/a.pt"]
)
def test_address_must_name_a_model(address):
    with pytest.raises(ValueError, match="hf://owner/name, perhaps"):
        keras_igpt.load(address)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("hf://a/b", ("a/b", None, "model.keras")),
        ("hf://a/b@v1", ("a/b", "v1", "model.keras")),
        ("hf://a/b@v1/c/d.keras", ("a/b", "v1", "c/d.keras")),
        ("hf://a/b/d.keras", ("a/b", None, "d.keras")),
    ],
)
def test_address_has_parts(address, parts):
    assert hub.parsed(address) == parts


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"keras_igpt\[hub\]"):
        keras_igpt.load("hf://owner/name/a.keras")


def test_unknown_names_are_told_what_there_is():
    with pytest.raises(FileNotFoundError, match="llamagen-b-256"):
        keras_igpt.load("llamagen-b-512")


@pytest.mark.parametrize("path", [None, 3, ["football"]])
def test_what_is_loaded_must_be_a_name(path):
    with pytest.raises(ValueError, match="`path` must be the name of a file"):
        keras_igpt.load(path)


@pytest.mark.parametrize(
    "address", ["hf://a b/c/d.keras", "hf://a/b/../c.keras"]
)
def test_address_that_no_file_can_have_is_named(address):
    with pytest.raises(FileNotFoundError, match="must be in the cache"):
        keras_igpt.load(address)
