"""keras_igpt's side of the comparison, set up as the original ImageGPT."""

import keras
import numpy as np

import keras_igpt
from benchmarks.serve import serve
from keras_igpt.generation.loop import Decoder
from keras_igpt.generation.settings import check_settings
from keras_igpt.training.batches import TokenBatches


def prepare(case):
    model = build(case)
    job = {"decode": decoder, "fit": fitter, "losses": losses}[case["job"]]
    run = job(model, case)
    weights = _bytes(model.weights)
    table = _bytes(model.embedding.weights)
    facts = {
        "parameters": model.count_params(),
        # One row of the embedding is read per token, all else is whole.
        "bytes_per_token": weights - table,
    }
    return run, facts


def _bytes(weights):
    return sum(keras.ops.convert_to_numpy(weight).nbytes for weight in weights)


def build(case, seed=0):
    keras.utils.set_random_seed(seed)
    tokenizer = keras_igpt.PaletteTokenizer(
        tuple(case["grid"]), case["vocabulary"], channels=1
    )
    return keras_igpt.ImageGPT(
        tokenizer,
        num_layers=case["layers"],
        num_heads=case["heads"],
        hidden_dim=case["width"],
        positions="learned",
        activation="quick_gelu",
        qk_norm=False,
        use_bias=True,
        order=case.get("order", "raster"),
        dtype=case["precision"],
    )


def decoder(model, case):
    """Generates whole images, or `tokens` cells after `prefix` known ones."""
    shape = model.head.kernel.shape
    # A new model's head is zero: nothing to choose the top k by.
    noise = np.random.default_rng(0).normal(size=shape)
    model.head.kernel.assign(0.02 * noise)
    if "quantization" in case:
        model.quantize(case["quantization"])
    batch, cells = case["batch"], model.num_cells
    known = np.random.default_rng(0).integers(
        case["vocabulary"], size=(batch, cells), dtype="int32"
    )

    asked = {}
    if model.any_order:
        asked["steps"] = min(case.get("steps", cells), cells)
    decode = Decoder(model, guided=False, jit_compile=True)

    def run(request):
        settings = {"top_k": case["top_k"], "seed": request["seed"]}
        if request["tokens"] == cells:
            model.generate(num_images=batch, **asked, **settings)
            return
        first, last = request["prefix"], request["prefix"] + request["tokens"]
        settings = check_settings(batch, model.vocabulary_size, **settings)
        is_known = np.broadcast_to(np.arange(cells) < first, known.shape)
        keras.ops.convert_to_numpy(
            decode({}, known, is_known, known[:, :first], last, settings)
        )

    return run


def fitter(model, case):
    """Fits `steps` batches of random tokens with the default settings."""
    count = case["batch"] * case["steps"]
    tokens = np.random.default_rng(0).integers(
        case["vocabulary"], size=(count, model.num_cells), dtype="uint16"
    )
    batches = TokenBatches(
        {"tokens": tokens}, case["batch"], draw_plans=model.draw_plans
    )
    model.compile(optimizer=keras.optimizers.AdamW(1e-3))

    def run(request):
        model.fit(batches, verbose=0)

    return run


def losses(model, case):
    """Losses per epoch on ramps of tokens, in fixed order, from a seed."""
    generator = np.random.default_rng(0)
    count = case["batch"] * case["steps"]
    start = generator.integers(case["vocabulary"], size=(count, 1))
    slope = generator.integers(1, 8, size=(count, 1))
    ramps = start + slope * np.arange(model.num_cells)
    tokens = (ramps % case["vocabulary"]).astype("uint16")

    def run(request):
        model = build({**case, **request}, request["seed"])
        model.compile(optimizer=keras.optimizers.AdamW(1e-3))
        batches = TokenBatches({"tokens": tokens}, case["batch"])
        history = model.fit(batches, epochs=case["epochs"], verbose=0)
        return {"losses": history.history["loss"]}

    return run


if __name__ == "__main__":
    serve(prepare)
