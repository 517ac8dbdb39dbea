"""Tests of models of Kaggle, from a server on this machine.

Kaggle's client asks one host alone, so that the server is its proxy.
"""

import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
from urllib.parse import urlparse

import pytest
from saying import Saying
from small_models import make_model

import keras_igpt
from keras_igpt.pretrained import kaggle
from keras_igpt.pretrained.manifest import write_manifest

HANDLE = "ada/flags/keras/small"


class Server(http.server.ThreadingHTTPServer):
    """Models as Kaggle keeps them: versions are folders of a folder."""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.models, self.blobs, self.asked = set(), {}, []

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def versions(self):
        folders = self.folder.glob("*") if self.folder.exists() else ()
        return sorted(int(path.name) for path in folders)


class Handler(Saying, http.server.BaseHTTPRequestHandler):
    """Answers what Kaggle's client asks to fetch and to send a model."""

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        name = urlparse(self.path).path.split("/")[-1]
        wanted = json.loads(content)
        self.server.asked.append((name, wanted))
        kinds = {
            "GetModel": self.model,
            "GetModelInstance": self.newest,
            "DownloadModelInstanceVersion": self.download,
            "CreateModel": self.create,
            "StartBlobUpload": self.start,
            "CreateModelInstance": self.first,
            "CreateModelInstanceVersion": self.next,
        }
        kinds[name](wanted)

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        name = urlparse(self.path).path.split("/")[-1]
        self.server.blobs[name] = content
        self.say({})

    def model(self, wanted):
        known = wanted["modelSlug"] in self.server.models
        self.say({"slug": "flags"} if known else {}, 200 if known else 404)

    def newest(self, wanted):
        versions = self.server.versions()
        if not versions:
            return self.say({}, 404)
        self.say({"versionNumber": versions[-1]})

    def download(self, wanted):
        version = str(wanted["versionNumber"])
        path = self.server.folder / version / wanted["path"]
        if not path.exists():
            return self.say({}, 404)
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: self.server.limit])

    def create(self, wanted):
        if self.headers["Authorization"] != "Bearer of-a-test":
            return self.say({"code": 401, "message": "Who are you?"}, 401)
        self.server.models.add(wanted["slug"])
        self.say({"id": 1})

    def start(self, wanted):
        place = f"http://localhost/blobs/{wanted['name']}"
        self.say({"token": wanted["name"], "createUrl": place})

    def first(self, wanted):
        if self.server.versions():
            return self.say({"error": "It is there.", "errorCode": 409})
        self.next(wanted)

    def next(self, wanted):
        number = len(self.server.versions()) + 1
        folder = self.server.folder / str(number)
        folder.mkdir(parents=True)
        for file in wanted["body"]["files"]:
            name = file["token"]
            (folder / name).write_bytes(self.server.blobs[name])
        self.say({"id": 1})


# How much of a file is sent; all, but where a test says less.
Server.limit = None


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path / "web") as server:
        yield server


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "mine.keras"
    make_model(num_layers=1).save(path)
    return path


def put(server, source, version=1):
    """A version with a model and its manifest."""
    folder = server.folder / str(version)
    folder.mkdir(parents=True)
    (folder / "model.keras").write_bytes(source.read_bytes())
    write_manifest(folder, ["model.keras"])
    return folder


def python(code, tmp_path, server=None, **variables):
    """What a new process prints, and its errors; without a server offline."""
    port = server.server_port if server else 9  # nobody answers there
    environment = {
        **os.environ,
        "KAGGLEHUB_CACHE": str(tmp_path / "cache"),
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
        "KAGGLEHUB_VERBOSITY": "error",
        "HTTP_PROXY": f"http://127.0.0.1:{port}",
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(pathlib.Path(keras_igpt.__file__).parents[1]),
        **variables,
    }
    for name in ("http_proxy", "NO_PROXY", "no_proxy"):
        environment.pop(name, None)
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def load(version=""):
    address = f"kaggle://{HANDLE}{version}"
    return (
        "import keras_igpt\n"
        f"print(keras_igpt.load({address!r}).config['num_layers'])"
    )


@pytest.mark.slow
def test_model_is_fetched_once_and_a_version_found_without_a_network(
    server, source, tmp_path
):
    put(server, source)
    found = python(load(), tmp_path, server)
    assert found.stdout == "1\n", found.stderr
    assert f"/models/{HANDLE} (licence" in found.stderr
    files = [w["path"] for name, w in server.asked if name.startswith("Down")]
    assert files == ["model.keras", "keras_igpt.json"]
    found = python(load("/1"), tmp_path)
    assert found.stdout == "1\n", found.stderr


@pytest.mark.slow
def test_newest_version_is_loaded_or_the_one_that_is_named(
    server, source, tmp_path
):
    put(server, source)
    make_model(num_layers=2).save(source)
    put(server, source, 2)
    assert python(load(), tmp_path, server).stdout == "2\n"
    assert python(load("/1"), tmp_path, server).stdout == "1\n"


@pytest.mark.slow
def test_model_without_a_manifest_is_loaded(server, source, tmp_path):
    (put(server, source) / "keras_igpt.json").unlink()
    assert python(load(), tmp_path, server).stdout == "1\n"


@pytest.mark.slow
def test_a_file_that_is_not_the_one_that_was_sent_is_refused(
    server, source, tmp_path
):
    folder = put(server, source)
    make_model(num_layers=2).save(folder / "model.keras")
    found = python(load(), tmp_path, server)
    assert "is damaged or another one" in found.stderr


@pytest.mark.slow
def test_interrupted_download_is_named_and_leaves_nothing_to_load(
    server, source, tmp_path
):
    put(server, source)
    server.limit = 1000
    found = python(load("/1"), tmp_path, server)
    assert f"model.keras of {HANDLE}/1 must be in the cache" in found.stderr
    found = python(load("/1"), tmp_path)
    assert f"model.keras of {HANDLE}/1 must be in the cache" in found.stderr
    server.limit = None
    assert python(load("/1"), tmp_path, server).stdout == "1\n"


UPLOAD = """
from keras_igpt.cli import app
app(["upload", {source!r}, "kaggle://{handle}", "--license", "mit"])
"""


@pytest.mark.slow
def test_a_model_that_was_sent_is_loaded_elsewhere(server, source, tmp_path):
    program = UPLOAD.format(source=str(source), handle=HANDLE)
    for version in ("1", "2"):
        sent = python(program, tmp_path, server, KAGGLE_API_TOKEN="of-a-test")
        assert f"/models/{HANDLE}" in sent.stdout, sent.stderr
        folder = server.folder / version
        assert (folder / "model.keras").read_bytes() == source.read_bytes()
    card = (folder / "README.md").read_text("utf-8")
    assert f'load("kaggle://{HANDLE}")' in card
    asked = dict(server.asked)
    assert asked["CreateModel"]["isPrivate"] is True
    assert asked["CreateModelInstance"]["body"]["licenseName"] == "MIT"
    assert python(load("/2"), tmp_path, server).stdout == "1\n"


@pytest.mark.slow
def test_a_kaggle_that_refuses_is_named(server, source, tmp_path):
    program = UPLOAD.format(source=str(source), handle=HANDLE)
    sent = python(program, tmp_path, server, KAGGLE_API_TOKEN="wrong")
    assert f"Kaggle must take {HANDLE}" in sent.stderr
    assert server.versions() == []


@pytest.mark.parametrize(
    "handle",
    ["ada/flags", "ada/../keras/a", "ada/flags/keras/..", f"{HANDLE}/0", ""],
)
def test_address_must_name_a_model(handle):
    with pytest.raises(ValueError, match="kaggle://owner/model/framework"):
        keras_igpt.load(f"kaggle://{handle}")


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(ImportError, match=r"keras_igpt\[hub\]"):
        keras_igpt.load(f"kaggle://{HANDLE}")


@pytest.mark.parametrize(
    ("address", "licence", "message"),
    [
        (f"kaggle://{HANDLE}/3", "mit", "names a version"),
        (f"kaggle://{HANDLE}", "wtfpl", "one that Kaggle has: apache-2.0"),
    ],
)
def test_what_cannot_be_sent_is_refused(address, licence, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        kaggle.upload(tmp_path, address, licence)
