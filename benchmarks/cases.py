"""What is measured: the cases, each the same arithmetic for all systems.

A case is a dict: `"what"` and `"title"` for the reader, `"build"` for the
workers, `"systems"`, `"requests"` (a repetition is one of each) and
`"tokens"`, how many a repetition writes or learns from.
"""

REFERENCE = {
    "layers": 8,
    "width": 256,
    "heads": 8,
    "grid": [16, 16],
    "vocabulary": 1024,
    "top_k": 100,
    "batch": 1,
    "precision": "float32",
}
IGPT_S = {"layers": 24, "width": 512, "grid": [32, 32], "vocabulary": 512}
TINY = {"layers": 2, "width": 32, "heads": 2, "vocabulary": 128}

OURS, ANY = "keras_igpt", "any order"
FEWER_BYTES = ["int8", "bfloat16"]
IN_STEPS = ["in 32 steps", "in 16 steps"]
HF, HF_COMPILED = "Hugging Face", "HF, compiled"
HUB, HUB_JIT = "KerasHub", "KerasHub, jit"
# Larger batches of KerasHub take too long to wait for.
HUB_BATCH = 16


def make(what, batches, quick=False):
    """The cases to run.

    Args:
        what: `"generate"`, `"fit"`, `"big"`, `"growth"` or `"all"`.
        batches: list of int, batch sizes for `"generate"`.
        quick: bool. Tiny models that show only that everything works.

    Returns:
        list of dicts.
    """
    kinds = {"generate": generate, "fit": fit, "big": big, "growth": growth}
    chosen = kinds if what == "all" else [what]
    return [case for name in chosen for case in kinds[name](batches, quick)]


def generate(batches, quick):
    grid = [4, 4] if quick else REFERENCE["grid"]
    cells = grid[0] * grid[1]
    for batch in batches:
        systems = [OURS, *IN_STEPS, HF]
        if batch <= HUB_BATCH:
            systems += [HUB, HUB_JIT]
        yield {
            "what": "generate",
            "title": f"generate, batch {batch}",
            "build": _build("decode", quick, batch=batch, grid=grid),
            "systems": systems,
            "requests": {"run": {"prefix": 0, "tokens": cells}},
            "tokens": batch * cells,
        }


def fit(batches, quick):
    batch, steps = (2, 2) if quick else (16, 8)
    grid = [4, 4] if quick else REFERENCE["grid"]
    shape = {"batch": batch, "grid": grid, "steps": steps}
    for precision in ("float32", "mixed_bfloat16"):
        yield {
            "what": "fit",
            "title": f"fit, batch {batch}, {precision}",
            "build": _build("fit", quick, precision=precision, **shape),
            "systems": [OURS, ANY, HF, HF_COMPILED, HUB, HUB_JIT],
            "requests": {"run": {}},
            "tokens": batch * grid[0] * grid[1] * steps,
        }
    yield {
        "what": "losses",
        "title": "fit, mean loss of each epoch",
        "build": _build("losses", quick, epochs=5, **shape),
        "systems": [OURS],
        # A second seed shows how large the noise is.
        "requests": {
            "float32": {"precision": "float32", "seed": 0},
            "mixed_bfloat16": {"precision": "mixed_bfloat16", "seed": 0},
            "float32, seed 1": {"precision": "float32", "seed": 1},
        },
        "repeats": 0,
    }


def big(batches, quick):
    grid, known, tokens = ([8, 8], 32, 8) if quick else ([32, 32], 512, 128)
    yield {
        "what": "big",
        "title": f"iGPT-S, {tokens} tokens after {known}, batch 1",
        "build": _build("decode", quick, **{**IGPT_S, "grid": grid}),
        "systems": [OURS, *FEWER_BYTES, HF],
        "requests": {
            "run": {"prefix": known, "tokens": tokens},
            "start": {"prefix": known, "tokens": 1},
        },
        "tokens": tokens,
    }


def growth(batches, quick):
    sides = (2, 3, 4) if quick else (8, 16, 32)
    for batch in (1, 16):
        for side in sides:
            cells = side * side
            requests = {"run": {"prefix": 0, "tokens": cells}}
            case = {
                "what": "growth",
                "build": _build(
                    "decode", quick, batch=batch, grid=[side, side]
                ),
                "requests": requests,
                "tokens": batch * cells,
            }
            title = f"{cells} tokens, batch {batch}, any order"
            yield {**case, "title": title, "systems": [ANY]}
            if side == sides[-1]:
                windows = _windows(cells, cells // 8)
                case["requests"] = {**requests, **windows}
            title = f"{cells} tokens, batch {batch}"
            yield {**case, "title": title, "systems": [OURS]}


def _windows(cells, width):
    """The first and the last `width` cells; what starting there costs."""
    late = cells - width
    return {
        "first": {"prefix": 0, "tokens": width},
        "first_start": {"prefix": 0, "tokens": 1},
        "last": {"prefix": late, "tokens": width},
        "last_start": {"prefix": late, "tokens": 1},
    }


def _build(job, quick, **changes):
    """The worker's case: the reference, changed; tiny if `quick`."""
    return {**REFERENCE, **changes, **(TINY if quick else {}), "job": job}
