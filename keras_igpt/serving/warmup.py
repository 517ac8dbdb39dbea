"""Requests that TensorFlow Serving answers before it takes others.

See https://www.tensorflow.org/tfx/serving/saved_model_warmup: without them
the first request would wait for memory to be laid out and code to be chosen.
"""

import pathlib
import warnings

import numpy as np

FILE = "tf_serving_warmup_requests"

TEXT = {"text": b"", "label": b"", "seed": 0}


def write_warmup(
    folder: pathlib.Path, name: str, specs: dict[str, dict[str, str]]
) -> None:
    """Writes one request of one row for each signature that takes words.

    Args:
        folder: pathlib.Path of the version's `assets.extra`.
        name: str, the model's name as the server knows it.
        specs: dict of signatures, each a dict of inputs' names to dtypes.

    Returns:
        bool, whether it was written: that takes tensorflow-serving-api.
    """
    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError:
        warnings.warn(
            "The model is written without warm-up requests: its first "
            "requests will be slower. For them, "
            "pip install 'keras_igpt[serving]' and export again.",
            stacklevel=2,
        )
        return False
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(folder / FILE)) as file:
        for request in _requests(name, specs):
            log = prediction_log_pb2.PredictLog(request=request)
            record = prediction_log_pb2.PredictionLog(predict_log=log)
            file.write(record.SerializeToString())
    return True


def _requests(name, specs):
    """`PredictRequest`s, their other inputs left to the defaults."""
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    for signature in ("serving_default", "generate"):
        if set(specs.get(signature, ())) & set(TEXT):
            request = predict_pb2.PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for key, value in TEXT.items():
                if key in specs[signature]:
                    dtype = "int32" if key == "seed" else object
                    row = tf.make_tensor_proto(np.array([value], dtype))
                    request.inputs[key].CopyFrom(row)
            yield request
