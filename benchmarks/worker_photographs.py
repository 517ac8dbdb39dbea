"""keras_igpt's side of `benchmarks.llamagen`: LlamaGen's architecture."""

import keras
import numpy as np

import keras_igpt
from benchmarks.serve import serve


def prepare(case):
    keras.utils.set_random_seed(0)
    return {"decode": transformer, "pixels": tokenizer}[case["job"]](case)


def tokenizer(case):
    """Decodes whole images of random codes."""
    made = keras_igpt.ConvVQTokenizer(
        [16 * side for side in case["grid"]],
        case["vocabulary"],
        hidden_dim=case["channels"],
        multipliers=case["multipliers"],
        latent_dim=case["latent"],
        code_dim=case["code"],
    )
    shape = case["vocabulary"], case["code"]
    made.set_codebook(np.random.default_rng(0).normal(size=shape))
    cells = case["grid"][0] * case["grid"][1]

    def run(request):
        generator = np.random.default_rng(request["seed"])
        size = case["batch"], cells
        made.decode_all(generator.integers(case["vocabulary"], size=size))

    return run, {"parameters": made.decoder.count_params()}


def transformer(case):
    """Generates whole images."""
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

    weights = sum(w.value.numpy().nbytes for w in model.trainable_weights)
    tables = [w for w in model.trainable_weights if "embeddings" in w.path]
    # One row of a table is read per token, all else is whole.
    weights -= sum(w.value.numpy().nbytes for w in tables)
    facts = {"parameters": model.count_params(), "bytes_per_token": weights}
    return run, facts


if __name__ == "__main__":
    serve(prepare)
