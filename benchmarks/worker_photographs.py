"""keras_igpt's side of `benchmarks.llamagen`: LlamaGen's architecture."""

import keras
import numpy as np

import keras_igpt
from benchmarks.serve import serve


def prepare(case):
    keras.utils.set_random_seed(0)
    tokenizer = keras_igpt.PaletteTokenizer(
        tuple(case["grid"]), case["vocabulary"], channels=1
    )
    model = keras_igpt.ImageGPT(
        tokenizer,
        num_layers=case["layers"],
        num_heads=case["heads"],
        hidden_dim=case["width"],
        inner_dim=case["inner"],
        num_classes=case["classes"],
        qk_norm=False,
        start="class",
        cell_embedding=False,
        rotary_base=10_000.0,
        plain_guidance=True,
    )
    noise = np.random.default_rng(0).normal(size=model.head.kernel.shape)
    model.head.kernel.assign(0.02 * noise)
    labels = np.arange(case["batch"])

    def run(request):
        model.generate(
            labels=labels,
            guidance_scale=case["guidance"],
            seed=request["seed"],
        )

    return run, {"parameters": model.count_params()}


if __name__ == "__main__":
    serve(prepare)
