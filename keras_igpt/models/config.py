"""Sizes of model, as arguments of `ImageGPT`."""

# What the original has beside its width and depth (Chen et al. 2020). The
# published sizes read pictures of 32x32 in 512 colours.
ORIGINAL = {
    "positions": "learned",
    "activation": "quick_gelu",
    "qk_norm": False,
    "use_bias": False,
}

SIZES = {
    "tiny": {"num_layers": 4, "num_heads": 4, "hidden_dim": 96},
    "small": {"num_layers": 6, "num_heads": 6, "hidden_dim": 192},
    "base": {"num_layers": 8, "num_heads": 8, "hidden_dim": 256},
    "large": {"num_layers": 12, "num_heads": 8, "hidden_dim": 512},
    "igpt_s": {
        **{"num_layers": 24, "num_heads": 8, "hidden_dim": 512},
        **ORIGINAL,
    },
    "igpt_m": {
        **{"num_layers": 36, "num_heads": 8, "hidden_dim": 1024},
        **ORIGINAL,
    },
    "igpt_l": {
        **{"num_layers": 48, "num_heads": 16, "hidden_dim": 1536},
        **ORIGINAL,
    },
}

ACTIVATIONS = ("swiglu", "quick_gelu", "gelu")

POSITIONS = ("rotary", "learned")

OBJECTIVES = ("autoregressive", "bert")
