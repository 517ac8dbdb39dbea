"""`GPT2CausalLM` of KerasHub, on TensorFlow."""

import keras
import keras_hub
import numpy as np

from benchmarks.serve import serve


def prepare(case):
    keras.utils.set_random_seed(0)
    # Prompts start with a token 0 that counts as the start token.
    length = case["grid"][0] * case["grid"][1] + 1
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=case["vocabulary"],
        num_layers=case["layers"],
        num_heads=case["heads"],
        hidden_dim=case["width"],
        intermediate_dim=4 * case["width"],
        dropout=0.0,
        max_sequence_length=length,
        dtype=case["precision"],
    )
    model = keras_hub.models.GPT2CausalLM(backbone, preprocessor=None)
    model.compile(
        optimizer=keras.optimizers.AdamW(1e-3),
        weighted_metrics=[],
        sampler=keras_hub.samplers.TopKSampler(case["top_k"]),
        jit_compile=case["jit"],
    )
    run = {"decode": decoder, "fit": fitter}[case["job"]]
    return run(model, case), {"parameters": model.count_params()}


def decoder(model, case):
    """Decodes `tokens` tokens after the start and `prefix` known ones."""

    def run(request):
        prompt = 1 + request["prefix"]
        shape = (case["batch"], prompt + request["tokens"])
        known = np.broadcast_to(np.arange(shape[1]) < prompt, shape)
        tokens = np.zeros(shape, "int32")
        inputs = {"token_ids": tokens, "padding_mask": known.astype("int32")}
        written = model.generate(inputs, stop_token_ids=None)["token_ids"]
        if written.shape != shape:
            raise RuntimeError(f"generate() made shape {written.shape}.")

    return run


def fitter(model, case):
    """Trains `steps` steps on random tokens."""
    shape = (case["batch"], case["grid"][0] * case["grid"][1])
    generator = np.random.default_rng(0)
    batches = []
    for _ in range(case["steps"]):
        tokens = generator.integers(case["vocabulary"], size=shape)
        inputs = {
            "token_ids": np.roll(tokens, 1, axis=1).astype("int32"),
            "padding_mask": np.ones(shape, "int32"),
        }
        batches.append((inputs, tokens.astype("int32")))

    def run(request):
        for inputs, targets in batches:
            model.train_on_batch(inputs, targets)

    return run


if __name__ == "__main__":
    serve(prepare)
