"""Tests of exported models, run as servers run them."""

import logging
import pickle
import subprocess
import sys
from concurrent import futures
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from run_served import Served
from small_models import ORDERS, make_model

import keras_igpt
from keras_igpt.generation.sampling import uniforms
from keras_igpt.serving import export
from keras_igpt.serving.graph import ServingGraph

HERE = Path(__file__).parent
EDITS = ("inpaint", "upscale", "denoise", "restyle/map")
SETTINGS = {
    "seed": np.array([5, 6, 7, 8, 9], "int32"),
    "temperature": np.array([1.0, 0.5, 1.0, 0.0, 2.0], "float32"),
    "top_k": np.array([0, 3, 2, 0, 0], "int32"),
    "top_p": np.array([1.0, 0.9, 1.0, 1.0, 0.5], "float32"),
    "guidance_scale": np.array([1.0, 2.0, 1.0, 3.0, 1.0], "float32"),
}
TEXT = ["abc", "", "rot, grün", "“GO”", "红"]
LABELS = ["0", "2", "", "1", "2"]


def served_model():
    size = {"image_size": (8, 8), "num_layers": 1}
    return make_model(**size, text_length=12, edits=EDITS)


@pytest.fixture(scope="module")
def model():
    return served_model()


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    return model.export(tmp_path_factory.mktemp("served") / "digits")


@pytest.fixture(scope="module")
def served(path):
    return Served(path)


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (5, 8, 8, 1), dtype="uint8")


@pytest.fixture(scope="module")
def masks():
    masks = np.zeros((5, 8, 8), bool)
    masks[0, 2:5, 3:6] = masks[1, 4:] = masks[2] = masks[3, 7, 7] = True
    return masks


def png(images):
    """Images as files, an array of bytes objects."""
    files = [tf.io.encode_png(image).numpy() for image in np.asarray(images)]
    return np.array(files, object)


def strings(values):
    return np.array([value.encode() for value in values], object)


def in_python(generate, rows=slice(None)):
    """Images of these rows; label 3 is none, which Python calls None."""
    settings = {k: v[rows] for k, v in SETTINGS.items()}
    settings["top_k"] = np.where(settings["top_k"] == 0, 5, settings["top_k"])
    return generate(**settings, jit_compile=False)


def one_by_one(generate):
    """As `in_python`, for rows whose label may be none, each alone."""

    def row(i):
        label = None if LABELS[i] == "" else [int(LABELS[i])]
        return in_python(
            lambda **settings: generate(i, label, [TEXT[i]], settings),
            slice(i, i + 1),
        )

    return np.concatenate([row(i) for i in range(5)])


@pytest.fixture(scope="module")
def expected(model, images, masks):
    """Every signature's request, and the PNG files that Python makes."""
    return list(requests_and_files(model, images, masks))


def requests_and_files(model, images, masks):
    words = {"text": strings(TEXT), "label": strings(LABELS)}

    def edit(name, shown, masks=None, style=None):
        return one_by_one(
            lambda i, label, text, settings: model.edit(
                shown[i : i + 1],
                name,
                masks=None if masks is None else masks[i : i + 1],
                labels=label,
                text=text,
                style=style,
                **settings,
            )
        )

    def generate(i, label, text, settings):
        return model.generate(label, text, **settings)

    plain = one_by_one(
        lambda i, label, text, settings: model.generate(
            label, text, seed=[0], jit_compile=False
        )
    )
    small = {2: images[:, ::2, ::2], 4: images[:, ::4, ::4]}
    yield "serving_default", words, plain
    yield "generate", {**words, **SETTINGS}, one_by_one(generate)
    whole = {**words, **SETTINGS, "image": png(images)}
    yield (
        "edit_inpaint",
        {**whole, "mask": png(masks[..., None] * np.uint8(255))},
        edit("inpaint", images, masks=masks),
    )
    yield "edit_denoise", whole, edit("denoise", images)
    yield (
        "edit_restyle_map",
        whole,
        edit("restyle", images, style="map"),
    )
    for factor, shown in small.items():
        request = {**whole, "image": png(shown)}
        yield f"edit_upscale_{factor}", request, edit("upscale", shown)


def rows(inputs, chosen):
    return {name: value[chosen] for name, value in inputs.items()}


# One of the masks hides nothing.
@pytest.mark.filterwarnings("ignore:`masks` is empty")
@pytest.mark.slow
def test_all_signatures_answer_as_python_does(path, expected):
    """In a process without keras, five rows at once and each alone."""
    requests, wanted = [], []
    for signature, inputs, files in expected:
        for chosen in (slice(None), *(slice(i, i + 1) for i in range(5))):
            requests.append((signature, rows(inputs, chosen)))
            wanted.append(list(png(files[chosen])))
    folder = path.parent.parent
    with open(folder / "requests", "wb") as file:
        pickle.dump(requests, file)
    subprocess.run(
        [
            *(sys.executable, HERE / "run_served.py", path),
            *(folder / "requests", folder / "answers"),
        ],
        check=True,
        capture_output=True,
    )
    with open(folder / "answers", "rb") as file:
        answers = pickle.load(file)
    for (signature, _), answer, files in zip(requests, answers, wanted):
        assert list(answer["image_bytes"]) == files, signature


@pytest.mark.filterwarnings("ignore:`masks` is empty")
@pytest.mark.slow
def test_a_program_in_c_runs_it(path, expected, tmp_path):
    """Built with TensorFlow's own library; no Python while it runs."""
    program = build(tmp_path)
    lines, wanted = [], []
    for signature, inputs, files in expected:
        lines += [
            " ".join([kind(value), name, *map(shown, value)])
            for name, value in inputs.items()
        ]
        lines.append(f"run {signature} image_bytes")
        wanted.append(list(png(files)))
    answers = subprocess.run(
        [program, path],
        input="\n".join(lines) + "\n",
        check=True,
        capture_output=True,
        text=True,
        env={"TF_CPP_MIN_LOG_LEVEL": "3"},
    ).stdout.splitlines()
    assert len(answers) == len(wanted)
    for answer, files in zip(answers, wanted):
        assert [bytes.fromhex(word) for word in answer.split()] == files


def build(folder):
    """The path of `serve.cc`'s program."""
    library = Path(tf.__file__).parent
    program = folder / "serve"
    subprocess.run(
        [
            *("g++", "-O0", HERE / "serve.cc", "-o", program),
            *tf.sysconfig.get_compile_flags(),
            *(f"-L{library}", f"-Wl,-rpath,{library}", "-Wl,--no-as-needed"),
            *("-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"),
        ],
        check=True,
    )
    return program


def kind(values):
    return "string" if values.dtype == object else values.dtype.name


def shown(value):
    return value.hex() or "-" if isinstance(value, bytes) else str(value)


def test_score_is_that_of_python(served, model, images):
    request = {"image": png(images), "text": strings(TEXT)}
    request["label"] = strings(["1"] * 5)
    found = served("score", request)["nats"]
    wanted = model.score(images, labels=[1] * 5, text=TEXT)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_what_is_left_out_has_defaults(served, model):
    request = {"text": strings(["abc"]), "label": strings(["1"])}
    files = served("generate", request)["image_bytes"]
    wanted = model.generate(labels=[1], text=["abc"], seed=0, jit_compile=False)
    assert files[0] == png(wanted)[0]


def test_jit_generates_the_same_but_for_ties(served, model):
    count = 20
    request = {
        "text": strings(["abc"] * count),
        "label": strings(["1"] * count),
        "seed": np.arange(count, dtype="int32"),
    }
    files = served("generate", request)["image_bytes"]
    wanted = png(model.generate(labels=[1] * count, text="abc", seed=0))
    assert np.mean(files == wanted) >= 0.9


GOOD = {"text": strings(["abc"]), "label": strings(["1"])}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"text": strings(["x" * 13])}, "at most 12 bytes"),
        ({"text": strings(["a\0b"])}, "without NUL"),
        (
            {"label": strings(["3"])},
            "must be ints from 0 to num_classes - 1 = 2",
        ),
        ({"label": strings(["cat"])}, "`labels` must be ints"),
        ({"label": strings(["-1"])}, "`labels` must be ints"),
        ({"temperature": np.float32([np.nan])}, "`temperature` must"),
        ({"temperature": np.float32([-1])}, "`temperature` must"),
        ({"top_k": np.int32([-1])}, "`top_k` must"),
        ({"top_p": np.float32([0])}, "`top_p` must"),
        ({"guidance_scale": np.float32([np.inf])}, "`guidance_scale` must"),
        ({"seed": np.int32([-1])}, "`seed` must"),
        ({"seed": np.int32([1, 2])}, "one value for all"),
    ],
)
def test_mistakes_are_named(served, wrong, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        served("generate", {**GOOD, **wrong})


def test_numbers_that_are_no_name_among_numbers_are_named():
    graph = ServingGraph(make_model(class_names=["3", "7", "9"]))
    assert graph._label(tf.constant(["7", ""])).numpy().tolist() == [1, 3]
    with pytest.raises(tf.errors.InvalidArgumentError, match="strings are"):
        graph._label(tf.constant(["1"]))


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "must be PNG or JPEG"),
        (b"GIF89a", "must be PNG or JPEG"),
        (png(np.zeros((1, 9, 8, 1), "uint8"))[0], "must be 8 x 8"),
        (png(np.zeros((1, 8, 8, 1), "uint8"))[0][:30], "must be PNG or JPEG"),
        (png(np.zeros((1, 8, 8, 1), "uint8"))[0][:50], "Invalid PNG"),
        (b"\xff\xd8\xff\xe0junk", "JPEG"),
    ],
)
def test_bad_images_are_errors(served, file, message):
    request = {**GOOD, "image": np.array([file], object)}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        served("edit_denoise", request)


def test_jpeg_is_read(served, images):
    grey = np.full((8, 8, 1), 99, "uint8")
    request = {**GOOD, "image": [tf.io.encode_jpeg(grey).numpy()]}
    request["temperature"] = np.float32([0])
    file = served("edit_denoise", request)["image_bytes"][0]
    assert tf.io.decode_png(file).shape == (8, 8, 1)


@pytest.fixture(scope="module")
def graph(path):
    from tensorflow.python.saved_model import loader_impl

    saved = loader_impl.parse_saved_model(str(path))
    return saved.meta_graphs[0].graph_def


def test_no_operation_is_special(graph):
    nodes = [*graph.node]
    for function in graph.library.function:
        nodes += function.node_def
    names = {node.op for node in nodes}
    assert not [name for name in names if name.startswith("Xla")]
    known = tf.raw_ops.__dict__.keys()
    assert names - set(known) <= {"Placeholder", "NoOp", "Const"}


def test_weights_are_written_once(path, model):
    used = sum(
        weight.numpy().nbytes
        for layer in (model.prompt, model.source_encoder, model.head)
        for weight in layer.weights
    )
    used += sum(
        weight.numpy().nbytes
        for layer in (model.embedding, model.final_norm, *model.blocks)
        for weight in layer.weights
    )
    used += model.tokenizer.codebook.numpy().nbytes
    data = next(path.glob("variables/*.data-*"))
    assert data.stat().st_size <= 1.1 * used


def test_next_version_is_taken(model, tmp_path):
    (tmp_path / "m" / "7").mkdir(parents=True)
    found = export.export(model, tmp_path / "m", names=["score"])
    assert found == tmp_path / "m" / "8"


def test_a_version_is_not_replaced(model, tmp_path):
    (tmp_path / "m" / "7").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="must be a new version"):
        model.export(tmp_path / "m" / "7")


def test_no_notice_names_the_temporary_folder(
    model, tmp_path, caplog, monkeypatch
):
    logger = tf.get_logger()
    caplog.set_level("INFO", logger=logger.name)
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    model.export(tmp_path / "m", names=["score"])
    assert not caplog.records and logger.level == logging.INFO


def test_unknown_signature_is_named(model, tmp_path):
    with pytest.raises(ValueError, match="'serving_default', 'generate'"):
        model.export(tmp_path / "m", names=["draw"])
    assert not [*tmp_path.glob("m/*")]


def test_other_formats_are_errors(model, tmp_path):
    with pytest.raises(ValueError, match="tf_saved_model"):
        model.export(tmp_path / "m", format="onnx")


def test_class_names_may_be_asked_for(tmp_path):
    model = make_model(image_size=(4, 4))
    path = model.export(
        tmp_path / "m", class_names=["cat", "dog", "1"], names=["generate"]
    )
    served = Served(path)

    def generate(label):
        return served("generate", {"label": strings([label])})["image_bytes"]

    assert list(generate("dog")) == list(
        png(model.generate(labels=[1], seed=0, jit_compile=False))
    )
    # A name is read before a number.
    assert list(generate("1")) == list(
        png(model.generate(labels=[2], seed=0, jit_compile=False))
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["unconditional", "reloaded", "int8"])
def test_every_kind_of_model_is_exported(kind, order, tmp_path):
    classes = 0 if kind == "unconditional" else 3
    model = make_model(num_classes=classes, **ORDERS[order])
    if kind == "reloaded":
        model.save(tmp_path / "m.keras")
        model = keras.saving.load_model(tmp_path / "m.keras")
    if kind == "int8":
        model.quantize("int8")
    served = Served(model.export(tmp_path / "m"))
    request = {"label": strings(["1"])} if model.num_classes else {}
    request["seed"] = np.int32([4])
    found = served("generate", request)["image_bytes"]
    labels = [1] if model.num_classes else None
    wanted = model.generate(labels, seed=4, jit_compile=False)
    assert found[0] == png(wanted)[0]


@pytest.fixture(scope="module")
def colour_model():
    """With learned tokens of RGB images."""
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), "uint8")
    tokenizer = keras_igpt.VQTokenizer((8, 8), 8, hidden_dim=8)
    tokenizer.adapt(images, epochs=1, verbose=False)
    model = keras_igpt.ImageGPT(
        tokenizer, num_layers=1, num_heads=2, hidden_dim=16, edits=["colorize"]
    )
    model.head.kernel.assign(np.random.default_rng(1).normal(size=(16, 8)))
    return model


@pytest.mark.parametrize("signature", ["generate", "edit_colorize", "score"])
def test_learned_tokens_are_exported(colour_model, signature, tmp_path):
    served = Served(colour_model.export(tmp_path / "m", names=[signature]))
    images = np.random.default_rng(2).integers(0, 256, (2, 8, 8, 3), "uint8")
    sampling = {"seed": np.int32([4, 9])}
    if signature == "generate":
        found = served(signature, sampling)["image_bytes"]
        wanted = png(colour_model.generate(seed=[4], jit_compile=False))
        assert found[0] == wanted[0]
    elif signature == "score":
        found = served(signature, {"image": png(images)})["nats"]
        wanted = colour_model.score(images)
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
    else:
        request = {"image": png(images), **sampling}
        found = served(signature, request)["image_bytes"]
        generated = colour_model.edit(
            images, "colorize", seed=sampling["seed"], jit_compile=False
        )
        assert list(found) == list(png(generated))


def test_openvino_gives_equal_tokens(model, tmp_path):
    openvino = pytest.importorskip("openvino")
    path = model.export(tmp_path / "m", names=["tokens"])
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.compile_model(str(path), "CPU", exact)
    inputs = numbers(model)
    found = next(iter(compiled(inputs).values()))
    np.testing.assert_array_equal(
        found, Served(path)("tokens", inputs)["tokens"]
    )


def test_litert_gives_equal_tokens(model, served, tmp_path):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    path = model.export(tmp_path / "m.tflite", format="litert")
    runner = litert.Interpreter(str(path)).get_signature_runner("tokens")
    inputs = numbers(model)
    np.testing.assert_array_equal(
        runner(**inputs)["tokens"], served("tokens", inputs)["tokens"]
    )


def test_litert_wants_a_file(model, tmp_path):
    with pytest.raises(ValueError, match="must end in '.tflite'"):
        model.export(tmp_path / "m", format="litert")


def numbers(model):
    """A request of the signature `tokens`."""
    from keras_igpt.prompts.captions import encode_text

    draws = uniforms(SETTINGS["seed"], model.num_cells)
    settings = {k: v for k, v in SETTINGS.items() if k != "seed"}
    return {
        **settings,
        "text": encode_text(TEXT, 12),
        "label": np.array([0, 2, 3, 1, 2], "int32"),
        "uniforms": np.asarray(draws),
    }


def test_tokens_are_those_of_generate(served, model):
    request = {**SETTINGS, "text": strings(TEXT), "label": strings(LABELS)}
    wanted = served("generate", request)["tokens"]
    found = served("tokens", numbers(model))["tokens"]
    np.testing.assert_array_equal(found, wanted)


# === A server ===


@pytest.mark.slow
def test_many_clients_get_their_own_answers(served):
    """Official stubs, a stand-in for the server, good and bad requests."""
    grpc = pytest.importorskip("grpc")
    pytest.importorskip("tensorflow_serving")
    from tensorflow_serving.apis import prediction_service_pb2_grpc as service

    class Servicer(service.PredictionServiceServicer):
        """What TensorFlow Serving does with a request, and nothing more."""

        def Predict(self, request, context):  # noqa: N802, their name
            try:
                return _answer(served, request)
            except tf.errors.InvalidArgumentError as error:
                code = grpc.StatusCode.INVALID_ARGUMENT
                context.abort(code, error.message)

    server = grpc.server(futures.ThreadPoolExecutor(8))
    service.add_PredictionServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    wanted = {
        seed: served("generate", {**GOOD, "seed": np.int32([seed])})[
            "image_bytes"
        ][0]
        for seed in range(10)
    }

    def ask(number):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = service.PredictionServiceStub(channel)
            bad = number % 4 == 3
            seed = -1 if bad else number % 10
            try:
                answer = stub.Predict(_request({**GOOD, "seed": [seed]}), 60)
            except grpc.RpcError as error:
                named = "`seed` must" in error.details()
                return bad and named
            file = answer.outputs["image_bytes"].string_val[0]
            return not bad and file == wanted[seed]

    with futures.ThreadPoolExecutor(8) as clients:
        assert all(clients.map(ask, range(100)))
        before = _resident_bytes()
        assert all(clients.map(ask, range(100, 200)))
    assert _resident_bytes() - before < 50e6
    server.stop(None)


def _request(inputs):
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = "generate"
    for name, value in inputs.items():
        dtype = tf.int32 if name == "seed" else tf.string
        row = tf.make_tensor_proto(value, dtype)
        request.inputs[name].CopyFrom(row)
    return request


def _answer(served, request):
    from tensorflow_serving.apis import predict_pb2

    inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
    found = served(request.model_spec.signature_name, inputs)
    answer = predict_pb2.PredictResponse()
    for name, value in found.items():
        answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    return answer


def _resident_bytes():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return 4096 * pages


def test_full_disk_leaves_what_there_was(model, tmp_path, monkeypatch):
    def full(*args):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left")

    monkeypatch.setattr(export, "_traced", lambda *args: (None, {}))
    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(OSError, match="No space left Make room on the disk"):
        export.export(model, tmp_path / "1")
    assert not list(tmp_path.iterdir())
