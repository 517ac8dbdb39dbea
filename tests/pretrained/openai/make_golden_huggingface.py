"""Makes golden/huggingface.npz: small random iGPTs, as transformers sees them.

Run with transformers and PyTorch installed, neither of which the tests need:

    python tests/pretrained/openai/make_golden_huggingface.py

Of each model it holds the files of its folder, byte by byte, and, for the same
token ids, logits, hidden states, loss and a greedy continuation. Of the ids one
row begins with START, the other is raw; those continued begin with START.
"""

import json
import pathlib
import tempfile

import numpy as np
import torch
import transformers

PATH = pathlib.Path(__file__).parent / "golden" / "huggingface.npz"
# Continued ids: START and a row of 9 pixels, then 64 more.
KNOWN, NEW = 9, 64
COMMON = {
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 4,
    "vocab_size": 18,
    "n_positions": 81,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
}
CASES = {
    "plain": {},
    "odd": {
        "n_embd": 21,
        "n_head": 3,
        "n_inner": 37,
        "activation_function": "gelu",
    },
    "flags": {
        "n_layer": 3,
        "scale_attn_by_inverse_layer_idx": True,
        "reorder_and_upcast_attn": True,
    },
    "one layer, 99 words": {"n_layer": 1, "n_head": 1, "vocab_size": 99},
}
SIZE = {"height": 9, "width": 9}


def make(changes, generator):
    """One case, dict of arrays."""
    torch.manual_seed(0)
    config = transformers.ImageGPTConfig(**{**COMMON, **changes})
    model = transformers.ImageGPTForCausalImageModeling(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            # As initialised, logits would be next to zero and all alike.
            scale = 1.0 if "wte" in name or "lm_head" in name else 0.2
            values = scale * torch.randn(weight.shape)
            weight.copy_(values + (1.0 if "ln_" in name else 0.0))
    colors = config.vocab_size - 1
    palette = generator.uniform(-1, 1, (colors, 3)).astype("float32")
    ids = torch.tensor(generator.integers(0, colors, (2, 81)))
    ids[0, 0] = colors
    with torch.no_grad():
        read = model(ids, labels=ids, output_hidden_states=True)
    start = torch.tensor([[colors, *generator.integers(0, colors, KNOWN)]])
    with torch.no_grad():
        written = model.generate(
            start,
            attention_mask=torch.ones_like(start),
            max_new_tokens=NEW,
            do_sample=False,
            eos_token_id=None,
        )
    arrays = {
        "ids": ids.numpy(),
        "logits": read.logits.numpy(),
        "hidden_states": torch.stack(read.hidden_states).numpy(),
        "loss": read.loss.numpy(),
        "written": written[:, 1:].numpy(),
    }
    return {**arrays, **files(model, palette)}


def files(model, palette):
    """The folder's files, uint8 arrays."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model.save_pretrained(folder)
        content = {"clusters": palette.tolist(), "size": SIZE}
        path = folder / "preprocessor_config.json"
        path.write_text(json.dumps(content))
        return {
            path.name: np.frombuffer(path.read_bytes(), "uint8")
            for path in folder.iterdir()
            if path.name != "generation_config.json"
        }


def main():
    generator = np.random.default_rng(0)
    arrays = {}
    for case, changes in CASES.items():
        made = make(changes, generator)
        arrays |= {f"{case}/{name}": array for name, array in made.items()}
        print(case, len(set(made["written"][0])), "tokens in the continuation")
    PATH.parent.mkdir(exist_ok=True)
    np.savez_compressed(PATH, **arrays)
    print(f"{PATH}: {PATH.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
