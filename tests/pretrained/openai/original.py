"""OpenAI's formulas again, in NumPy, and checkpoints as they wrote them.

Restated from the paper (Chen et al. 2020) and their model's description;
nothing of keras_igpt is used.
"""

import numpy as np


def random_variables(
    layers=2, heads=2, width=12, cells=9, colors=6, start=True, seed=0
):
    """Variables of a checkpoint by name, float32 arrays, large enough to see.

    Args:
        start: bool. Whether there is a start vector; "bert" has none.
    """
    generator = np.random.default_rng(seed)

    def normal(*shape):
        return generator.normal(scale=0.4, size=shape).astype("float32")

    head = (heads, width // heads, width)
    variables = {
        "wte": normal(colors, width),
        "wpe": normal(cells, width),
        "wtet": normal(colors, width),
        "ln_f/g": 1 + normal(width),
    }
    if start:
        variables["sos"] = normal(width)
    for i in range(layers):
        for name in ("q_proj", "k_proj", "v_proj", "c_proj"):
            variables[f"h{i}/attn/{name}"] = normal(*head)
        variables[f"h{i}/ln_1/g"] = 1 + normal(width)
        variables[f"h{i}/ln_2/g"] = 1 + normal(width)
        variables[f"h{i}/mlp/c_fc/w"] = normal(width, 4 * width)
        variables[f"h{i}/mlp/c_proj/w"] = normal(4 * width, width)
    return {f"model/{name}": array for name, array in variables.items()}


def write_checkpoint(folder, variables, step=7):
    """Writes `model.ckpt-7` into a folder, as TensorFlow 1 does."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, array in variables.items():
            tf.compat.v1.get_variable(name, initializer=array)
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver()
        path = str(folder / "model.ckpt")
        saver.save(session, path, step, write_meta_graph=False)
    return folder


def write_palette(folder, colors=6):
    """Writes random colours beside a checkpoint, and returns them."""
    palette = np.random.default_rng(1).uniform(-1, 1, (colors, 3))
    np.save(folder / "kmeans_centers.npy", palette.astype("float32"))
    return palette


def states(variables, tokens, masked=None):
    """Inputs of all blocks and the last one's output, float64 `(N, d)` each.

    Args:
        variables: dict of arrays; without `model/sos` it is "bert".
        tokens: int array `(N,)`.
        masked: bool array `(N,)`, for "bert".
    """
    v = {k.removeprefix("model/"): a.astype("f8") for k, a in variables.items()}
    x = v["wte"][tokens]
    causal = "sos" in v
    if causal:
        x = np.concatenate([v["sos"][None], x[:-1]])
    if masked is not None:
        x = np.where(masked[:, None], 0.0, x)
    x = x + v["wpe"][: len(x)]
    found, i = [x], 0
    while f"h{i}/ln_1/g" in v:
        x = x + _attention(v, i, normed(x, v[f"h{i}/ln_1/g"]), causal)
        x = x + _feed_forward(v, i, normed(x, v[f"h{i}/ln_2/g"]))
        found.append(x)
        i += 1
    return found


def normed(x, gain):
    """Divided by its root mean square; the mean stays."""
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * gain


def logits(variables, tokens, masked=None):
    """float64 `(N, V)`."""
    last = states(variables, tokens, masked)[-1]
    return normed(last, variables["model/ln_f/g"]) @ variables["model/wtet"].T


def loss(variables, tokens):
    """Mean nats of all tokens."""
    found = logits(variables, tokens)
    found = found - np.log(np.exp(found).sum(-1, keepdims=True))
    return -found[np.arange(len(tokens)), tokens].mean()


def _attention(v, i, x, causal):
    # s source, t target position, f width of x, h head, e its width.
    query, key, value = (
        np.einsum("sf,hef->hse", x, v[f"h{i}/attn/{name}"])
        for name in ("q_proj", "k_proj", "v_proj")
    )
    scores = np.einsum("hte,hse->hts", query, key) / np.sqrt(query.shape[-1])
    if causal:
        scores = np.where(np.tri(len(x), dtype=bool), scores, -1e10)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights = weights / weights.sum(-1, keepdims=True)
    mixed = np.einsum("hts,hse->hte", weights, value)
    return np.einsum("hte,hef->tf", mixed, v[f"h{i}/attn/c_proj"])


def _feed_forward(v, i, x):
    x = x @ v[f"h{i}/mlp/c_fc/w"]
    return x / (1 + np.exp(-1.702 * x)) @ v[f"h{i}/mlp/c_proj/w"]
