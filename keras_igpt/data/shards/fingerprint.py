"""What tells one tokenizer from another: a hash of all that it is."""

import hashlib
import json
from typing import Any

# Of a layer's configuration: what does not change its tokens.
UNIMPORTANT = ("name", "trainable")


def tokenizer_fingerprint(tokenizer: Any) -> str:
    """Hash of a tokenizer's class, configuration and weights.

    Args:
        tokenizer: a Keras layer, as `PaletteTokenizer` and `VQTokenizer`.

    Returns:
        str, "sha256:" and 64 hexadecimal digits. The same for a tokenizer
        that was saved and loaded, or is part of a model.
    """
    import keras
    from keras import ops

    config = {
        key: value
        for key, value in tokenizer.get_config().items()
        if key not in UNIMPORTANT
    }
    digest = hashlib.sha256()
    digest.update(keras.saving.get_registered_name(type(tokenizer)).encode())
    digest.update(json.dumps(config, sort_keys=True).encode())
    for variable in tokenizer.weights:
        array = ops.convert_to_numpy(variable)
        digest.update(f"{array.shape} {array.dtype.name}".encode())
        digest.update(array.tobytes())
    return f"sha256:{digest.hexdigest()}"
