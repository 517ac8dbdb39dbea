"""The commands `export`, `pack`, `card` and `upload`: models for others."""

import pathlib
import tempfile
from typing import Annotated

import typer

from keras_igpt.cli.options import ModelOption, load_image_gpt, new_console


def export(
    model: ModelOption,
    out: Annotated[
        pathlib.Path,
        typer.Option(
            help="The model's folder on the server; the next version in it "
            "is written, or the one that is named as NAME/3."
        ),
    ],
) -> None:
    """Writes a SavedModel for TensorFlow Serving: words in, PNG out."""
    written = load_image_gpt(model).export(out)
    new_console().print(f"Wrote {written}")


def pack(
    model: ModelOption,
    out: Annotated[pathlib.Path, typer.Option(help="A .keras file.")],
) -> None:
    """Writes a model to pass on: half of the size, without optimizer."""
    import keras_igpt
    from keras_igpt.models.transfer import save_packed

    save_packed(keras_igpt.load(model), out)
    new_console().print(f"Wrote {out}, {out.stat().st_size / 1e6:.1f} MB")


LicenceOption = Annotated[
    str,
    typer.Option(
        "--license",
        prompt="Licence of the weights, such as mit or cc-by-4.0",
        help="Of the weights, as the Hub writes it: mit, cc-by-4.0, other.",
    ),
]


ADDRESS_HELP = (
    "hf://owner/name, perhaps with @branch, or "
    "kaggle://owner/model/keras/variation"
)


def card(
    model: ModelOption,
    licence: LicenceOption,
    out: Annotated[pathlib.Path, typer.Option(help="A new folder.")],
    name: Annotated[
        str | None, typer.Option(help="The card's title. Default: the folder's")
    ] = None,
) -> None:
    """Writes a folder to share: the model, its card, samples, hashes."""
    from keras_igpt.pretrained.model_card import write_card

    new_console().print(f"Wrote {write_card(model, out, licence, name)}")


def upload(
    model: Annotated[
        str, typer.Argument(help="As of --model; a run's folder tells most.")
    ],
    address: Annotated[str, typer.Argument(help=ADDRESS_HELP)],
    licence: LicenceOption,
    private: Annotated[
        bool,
        typer.Option(
            "--private",
            help="A new one that nobody sees; on Kaggle each is, at first.",
        ),
    ] = False,
) -> None:
    """Sends what `card` writes to the Hugging Face Hub, or to Kaggle."""
    from keras_igpt.pretrained import hub, kaggle
    from keras_igpt.pretrained.model_card import write_card

    to_kaggle = address.startswith(kaggle.PREFIX)
    if to_kaggle:
        kaggle.check_upload(address, licence)
        name = address
    else:
        name = hub.parsed(address).repository
    with tempfile.TemporaryDirectory() as folder:
        made = write_card(model, pathlib.Path(folder, "model"), licence, name)
        if to_kaggle:
            page = kaggle.upload(made, address, licence)
        else:
            page = hub.upload(made, address, private)
    new_console().print(f"Sent to {page}")
