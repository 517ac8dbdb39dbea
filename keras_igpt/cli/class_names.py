"""Classes by their names, of models in a run's folder."""

import json

from keras_igpt.annotations import PathLike
from keras_igpt.pretrained.loading import find


def class_names(model: PathLike) -> list[str]:
    """Names of the classes of a model in a run's folder; [] if unknown."""
    config = find(model).parent / "config.json"
    try:
        found = json.loads(config.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    # It may be another program's.
    return found.get("class_names", []) if isinstance(found, dict) else []


def label_numbers(
    labels: list[str] | None, model: PathLike
) -> list[int] | None:
    """Numbers of classes given by name or number; None for none."""
    if not labels:
        return None
    names = class_names(model)
    numbers = []
    for label in labels:
        if label in names:
            numbers.append(names.index(label))
        elif label.isdecimal():
            numbers.append(int(label))
        else:
            known = ", ".join(names) or "numbers only"
            raise ValueError(
                f"`--label` must be a class of the model ({known}). "
                f"Received: --label {label}."
            )
    return numbers
