"""The text that goes with an exported model: how to serve and to ask it."""

from keras_igpt.generation.settings import SETTINGS

_TEXT = """# {name}

A SavedModel for TensorFlow Serving, written by keras_igpt. Words go in, PNG
files come out; nothing but TensorFlow is needed to run it.

## Serve

```sh
docker run --rm -p 8500:8500 -p 8501:8501 \\
  -v "$PWD/{name}:/models/{name}" -e MODEL_NAME={name} \\
  tensorflow/serving
```

The server has no password and models are programs: keep it behind what you
trust. To answer several requests at once, add
`--enable_batching --batching_parameters_file=/models/{name}/batching.txt`
with a file such as

```
max_batch_size {{ value: 16 }}
batch_timeout_micros {{ value: 20000 }}
num_batch_threads {{ value: 2 }}
allowed_batch_sizes: 1
allowed_batch_sizes: 4
allowed_batch_sizes: 16
```

Rows do not depend on their neighbours: each has its own seed and settings.

## Ask by REST

```sh
curl -s http://localhost:8501/v1/models/{name}:predict \\
  -d '{{"instances": [{row}]}}' |
  python3 -c 'import base64, json, sys; sys.stdout.buffer.write(
base64.b64decode(json.load(sys.stdin)["predictions"][0]["b64"]))' > image.png
```

REST wants every input of a signature. To choose a seed, name the signature
`generate` and give all of its inputs; `top_k` 0 and `top_p` 1 are off:

```sh
curl -s http://localhost:8501/v1/models/{name}:predict \\
  -d '{{"signature_name": "generate", "instances": [{full}]}}'
```

Images go in as `{{"b64": "…"}}`, PNG or JPEG of exactly the model's size;
masks are white where to generate.

## Ask by gRPC, where inputs with defaults may be left out

```python
# pip install tensorflow-serving-api
import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

channel = grpc.insecure_channel("localhost:8500")
stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
request = predict_pb2.PredictRequest()
request.model_spec.name = "{name}"
request.model_spec.signature_name = "generate"
for key, value in {{{python}}}.items():
    request.inputs[key].CopyFrom(tf.make_tensor_proto([value]))
answer = stub.Predict(request, 60)
with open("image.png", "wb") as file:
    file.write(answer.outputs["image_bytes"].string_val[0])
```

A mistake in a request comes back as an error that says what must be.

## Signatures

{signatures}
"""

_EXAMPLES = {
    "text": "Two red players, ball, goal",
    "label": "0",
    **{name: setting.default for name, setting in SETTINGS.items()},
}


def text(name: str, specs: dict[str, dict[str, str]]) -> str:
    """What to know about an exported model.

    Args:
        name: str, the model's name as the server will know it.
        specs: dict of signatures, each a dict of inputs' names to dtypes.

    Returns:
        str, Markdown.
    """
    return _TEXT.format(
        name=name,
        row=_json(specs.get("serving_default", ())),
        full=_json(specs.get("generate", ())),
        python=_python(specs.get("serving_default", ())),
        signatures="\n".join(
            f"- `{signature}`: " + ", ".join(f"`{n}` {d}" for n, d in i.items())
            for signature, i in specs.items()
        ),
    )


def _json(names):
    import json

    row = {name: _EXAMPLES.get(name, 0) for name in names}
    return json.dumps(row, ensure_ascii=False)


def _python(names):
    return ", ".join(f'"{n}": {_EXAMPLES.get(n, 0)!r}' for n in names)
