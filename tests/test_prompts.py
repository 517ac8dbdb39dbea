import keras
import numpy as np
import pytest

from keras_igpt.prompts import ClassPrompt


@pytest.fixture
def prompt():
    keras.utils.set_random_seed(0)
    layer = ClassPrompt(num_classes=3, hidden_dim=4)
    layer.build()
    return layer


def test_class_prompt_is_one_vector_per_picture(prompt):
    assert prompt(np.array([0, 2]))[0].shape == (2, 1, 4)


def test_class_prompt_differs_by_class(prompt):
    first, second = np.asarray(prompt(np.array([0, 1]))[0])
    assert not np.allclose(first, second)


def test_training_replaces_a_tenth_by_the_null(prompt):
    labels = np.zeros(4000, "int32")
    vectors = np.asarray(prompt(labels, training=True)[0])[:, 0]
    null = np.asarray(prompt(np.array([3]))[0])[0, 0]
    share = np.mean(np.all(vectors == null, axis=1))
    assert 0.08 < share < 0.12


def test_inference_never_replaces(prompt):
    labels = np.zeros(500, "int32")
    vectors = np.asarray(prompt(labels, training=False)[0])
    assert np.all(vectors == vectors[0])


def test_config_makes_the_same_layer(prompt):
    copy = ClassPrompt.from_config(prompt.get_config())
    assert copy.get_config() == prompt.get_config()
