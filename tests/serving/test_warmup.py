"""Tests of warm-up requests."""

import sys

import pytest
import tensorflow as tf

from keras_igpt.serving import warmup

SPECS = {
    "serving_default": {"text": "string"},
    "generate": {"text": "string", "seed": "int32", "top_k": "int32"},
    "score": {"image": "string"},
}


def test_requests_are_those_of_the_server(tmp_path):
    pytest.importorskip("tensorflow_serving")
    from tensorflow_serving.apis import prediction_log_pb2

    assert warmup.write_warmup(tmp_path, "football", SPECS)
    records = tf.data.TFRecordDataset(str(tmp_path / warmup.FILE))
    requests = [
        prediction_log_pb2.PredictionLog.FromString(r).predict_log.request
        for r in records.as_numpy_iterator()
    ]
    names = [request.model_spec.signature_name for request in requests]
    assert names == ["serving_default", "generate"]
    assert tf.make_ndarray(requests[1].inputs["seed"]).tolist() == [0]
    assert tf.make_ndarray(requests[0].inputs["text"]).tolist() == [b""]


def test_without_the_library_a_warning_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    with pytest.warns(UserWarning, match=r"keras_igpt\[serving\]"):
        assert not warmup.write_warmup(tmp_path, "football", SPECS)
    assert not [*tmp_path.iterdir()]
