"""Tests of Inception's features: a network of random weights has its form."""

import sys

import numpy as np
import pytest

from keras_igpt.evaluation.inception import InceptionFeatures


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    try:
        from torch_fidelity import feature_extractor_inceptionv3 as network
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"no torch-fidelity: {error}")
    import torch

    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.manual_seed(0)
    kind = network.FeatureExtractorInceptionV3
    with pytest.MonkeyPatch.context() as patch:
        # The file's weights are these: nothing is fetched.
        patch.setattr(network, "load_state_dict_from_url", lambda *a, **k: {})
        patch.setattr(kind, "load_state_dict", lambda self, weights: None)
        made = kind("inception-v3-compat", ["2048"])
    torch.save(made.state_dict(), path)
    return InceptionFeatures(path)


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (3, 16, 24, 3), "uint8")


@pytest.mark.slow
def test_features_do_not_depend_on_the_batch(features, images):
    together = features(images)
    assert together.shape == (3, 2048)
    np.testing.assert_allclose(features(images[:1]), together[:1], rtol=1e-4)


@pytest.mark.slow
def test_grey_images_are_read_as_three_equal_channels(features, images):
    grey = images[:1, ..., :1]
    same = np.repeat(grey, 3, -1)
    np.testing.assert_array_equal(features(grey), features(same))


@pytest.mark.slow
def test_other_channels_are_refused(features):
    with pytest.raises(ValueError, match=r"Received: shape \(1, 8, 8, 4\)"):
        features(np.zeros((1, 8, 8, 4), "uint8"))


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(ImportError, match=r"pip install 'keras_igpt\[fid\]'"):
        InceptionFeatures()
