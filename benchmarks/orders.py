"""In which order? `python -m benchmarks.orders MODEL`.

Bits of real test images to a model of any order whose cells are asked in one
order or another: of whole images, and of holes of which all around is known,
read before and seen by the encoder of sources, as `edit` does. Random orders
are one for each image.
"""

import argparse

import keras
import numpy as np
from keras import ops

import keras_igpt
from keras_igpt.compiling import CompiledFunction
from keras_igpt.data.football import scenes
from keras_igpt.edits.kinds import EDITS
from keras_igpt.edits.request import edit_request
from keras_igpt.generation.plans import halton_order, make_plan, plan_numbers
from keras_igpt.prompts.conditions import encode_conditions
from keras_igpt.training.losses import token_nats

BATCH = 25


def holes(image_size):
    """What is generated anew, by name: bool masks of pixels."""
    height, width = image_size
    masks = {
        name: np.zeros(image_size, bool)
        for name in ("whole image", "hole of 25 %", "lower half")
    }
    masks["whole image"][:] = True
    middle = (
        slice(height // 4, -(height // 4)),
        slice(width // 4, -(width // 4)),
    )
    masks["hole of 25 %"][middle] = True
    masks["lower half"][height // 2 :] = True
    return masks


def orders(grid_size, unknown, generator):
    """Orders of all cells by name, int `(BATCH, N)`."""
    cells = np.arange(unknown.size)
    rim = rim_first(unknown.reshape(grid_size)).reshape(-1)
    halton = np.array(halton_order(grid_size))
    found = {
        "spread evenly (Halton)": halton,
        "random": generator.permuted(np.tile(cells, (BATCH, 1)), axis=1),
        "row by row": cells,
        "from the rim inwards": halton[np.argsort(rim[halton], kind="stable")],
    }
    return {
        name: np.broadcast_to(order, (BATCH, cells.size))
        for name, order in found.items()
    }


def rim_first(unknown):
    """How far each cell of a hole is from what is known, in cells."""
    from scipy.ndimage import distance_transform_cdt

    # Where all is unknown, the image's own edge is the rim.
    edge = 1 if unknown.all() else 0
    padded = np.pad(unknown, edge)
    found = distance_transform_cdt(padded, metric="chessboard")
    return found[edge:-edge][:, edge:-edge] if edge else found


def bits(model, nats_of, examples, mask, order_of, steps):
    """Mean bits of a cell that is generated."""
    total, count = 0.0, 0
    for start in range(0, len(examples), BATCH):
        chosen = examples[start : start + BATCH]
        images = np.stack([example["image"] for example in chosen])
        masks = np.broadcast_to(mask, images.shape[:3])
        text = encode_conditions(
            None, [e["text"] for e in chosen], 0, model.text_length, BATCH
        )
        edit = EDITS["inpaint"]
        number = model.edit_set.find("inpaint", None)[1]
        request = edit_request(edit, number, images, masks, model.tokenizer)
        request = keras.tree.map_structure(ops.convert_to_numpy, request)
        known = request.known
        numbers = plan_numbers(make_plan(known, order_of, steps))
        # What is known is read before, row by row.
        before = np.cumsum(known, axis=1) - 1
        asked = known.sum(axis=1, keepdims=True) + numbers
        inputs = {
            **text,
            **request.conditions,
            "tokens": model.tokenizer.encode_all(images),
            "plan": np.where(known, before, asked).astype("int32"),
        }
        nats = ops.convert_to_numpy(nats_of(inputs))
        total += nats[~known].sum() / np.log(2)
        count += (~known).sum()
    return total / count


def main():
    parser = argparse.ArgumentParser(
        "python -m benchmarks.orders", None, __doc__
    )
    parser.add_argument("model", nargs="?", default="football_any")
    parser.add_argument("--n", type=int, default=200, help="images")
    parser.add_argument("--steps", type=int, action="append")
    options = parser.parse_args()
    model = keras_igpt.load(options.model)
    nats_of = CompiledFunction(
        model, lambda inputs: token_nats(inputs["tokens"], model(inputs))
    )
    count = options.n // BATCH * BATCH
    size = model.tokenizer.image_size
    examples = list(scenes.scenes("test", count, image_size=size[0]))
    grid = model.tokenizer.grid_size
    all_steps = options.steps or [model.num_cells, 32, 16]
    print("| bits per cell | order |", *(f"{n} steps |" for n in all_steps))
    print("|---" * (len(all_steps) + 2) + "|")
    for name, mask in holes(size).items():
        cell = model.tokenizer.cell_size
        unknown = mask[::cell, ::cell].reshape(-1)
        generator = np.random.default_rng(0)
        for order, cells in orders(grid, unknown, generator).items():
            row = [
                bits(model, nats_of, examples, mask, cells, steps)
                for steps in all_steps
            ]
            print(f"| {name} | {order} |", *(f"{x:.4f} |" for x in row))


if __name__ == "__main__":
    main()
