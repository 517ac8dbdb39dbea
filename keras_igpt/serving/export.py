"""SavedModels for TensorFlow Serving, or any other runtime of TensorFlow.

    model.export("served/football")   # writes served/football/1
    model.export("football.tflite", format="litert")

Words go in, PNG files come out; see `graph.py`. No Python, Keras or
keras_igpt is needed where the model runs. On phones and the like LiteRT runs
the signature `tokens`.
"""

import contextlib
import inspect
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_igpt.annotations import PathLike
from keras_igpt.atomic_files import replacing, replacing_folder
from keras_igpt.operations import plain_operations
from keras_igpt.serving import client_readme
from keras_igpt.serving.graph import ServingGraph
from keras_igpt.serving.warmup import write_warmup


def export(
    model: Any,
    path: PathLike,
    class_names: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> pathlib.Path:
    """Writes a model as TensorFlow Serving wants it.

    Args:
        model: an `ImageGPT`.
        path: a folder whose name is a number, the version; or one that holds
            versions: the next number is taken then.
        class_names: list of str. Names of the classes, so that requests may
            use them beside numbers; None for those that the model knows.
        names: list of str, the signatures to write. Default: all. Of a single
            one `serving_default` is another name: for runtimes that read
            one signature, such as OpenVINO of `tokens`.

    Returns:
        pathlib.Path of the version's folder.

    Raises:
        FileExistsError: if there is such a version already.
        OSError: if it cannot be written, as on a full disk; then nothing is.
    """
    path = pathlib.Path(path)
    if not path.name.isdecimal():
        path = path / str(_next_version(path))
    if path.exists():
        raise FileExistsError(
            f"`path` must be a new version. Received: {path}, which exists. "
            f"Name {path.parent} to have the next number taken."
        )
    with replacing_folder(path) as temporary:
        # Saving traces once more, and would name the temporary folder.
        with plain_operations(), _no_notices():
            module, signatures = _traced(model, class_names, names)
            with _errors_of_files(path):
                tf.saved_model.save(module, str(temporary), signatures)
        extra = temporary / "assets.extra"
        extra.mkdir()
        specs = _inputs(signatures)
        (extra / "README.md").write_text(
            client_readme.text(path.parent.name, specs), "utf-8"
        )
        write_warmup(extra, path.parent.name, specs)
    return path


def export_litert(model: Any, path: PathLike) -> pathlib.Path:
    """Writes the signature `tokens` as one file that LiteRT runs.

    Args:
        model: an `ImageGPT`.
        path: a file whose name ends in ".tflite".

    Returns:
        pathlib.Path of the file.
    """
    path = pathlib.Path(path)
    if path.suffix != ".tflite":
        raise ValueError(
            "`path` must end in '.tflite' for format 'litert'. "
            f"Received: path={str(path)!r}."
        )
    with tempfile.TemporaryDirectory() as folder:
        saved = export(model, pathlib.Path(folder) / "1", names=["tokens"])
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(saved), signature_keys=["tokens"]
        )
        content = converter.convert()
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def _inputs(signatures):
    """Names and types of every signature's inputs."""
    return {
        name: {spec.name: spec.dtype.name for spec in function.input_signature}
        for name, function in signatures.items()
    }


def _next_version(folder):
    names = [entry.name for entry in folder.glob("*") if entry.is_dir()]
    return 1 + max([int(name) for name in names if name.isdecimal()], default=0)


@contextlib.contextmanager
def _errors_of_files(path):
    """TensorFlow's errors while it writes, in the words of Python's."""
    try:
        yield
    except (tf.errors.OpError, RuntimeError) as error:
        line = (str(error).strip().splitlines() or [""])[0]
        raise OSError(
            f"`path` must be where the model can be written. Received: {path}, "
            f"and: {line} Make room on the disk, or name another place."
        ) from error


@contextlib.contextmanager
def _no_notices():
    """TensorFlow's warnings only."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def _traced(model, class_names, names):
    """A module that holds the weights, and its signatures."""
    graph = ServingGraph(model, class_names)
    parts = graph.signatures()
    for name in names or ():
        if name not in parts:
            raise ValueError(
                f"`names` must be signatures of this model: {list(parts)}. "
                f"Received: names={names!r}."
            )
    signatures, variables = {}, {}
    for name in names or parts:
        function, specs, defaults = parts[name]
        # Traced here, once: saving traces the function around it again.
        traced = tf.function(function, autograph=False)
        traced = traced.get_concrete_function(**specs)
        variables.update((id(v), v) for v in traced.variables)
        signatures[name] = _function(traced, specs, defaults)
    # The raw variables and no Keras model: other loaders than Python's do not
    # find the weights of a tracked model, and Keras writes them twice.
    module = tf.Module()
    module.weights = list(variables.values())
    if len(signatures) == 1:
        (signatures["serving_default"],) = signatures.values()
    return module, signatures


def _function(function, specs, defaults):
    """A `tf.function` with named inputs, some with default values."""
    empty = inspect.Parameter.empty
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=tf.constant(defaults[name]) if name in defaults else empty,
        )
        # Python wants those without a default first.
        for name in sorted(specs, key=defaults.__contains__)
    ]
    signature = inspect.Signature(parameters)

    def call(*args, **kwargs):
        return function(**signature.bind(*args, **kwargs).arguments)

    call.__signature__ = signature
    return tf.function(
        call,
        input_signature=[specs[name] for name in signature.parameters],
        autograph=False,
    )
