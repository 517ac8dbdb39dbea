"""The server of `keras-igpt demo`: models to play with, in a browser.

What the page shows is in `page.py`, what a click does in `actions.py`. It
needs gradio (`pip install 'keras_igpt[demo]'`), and nothing but this machine:
no fonts, scripts or figures come from or go elsewhere.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from keras_igpt.argument_checks import is_whole
from keras_igpt.cli.demo import guard
from keras_igpt.cli.options import load_image_gpt

if TYPE_CHECKING:
    import gradio

    from keras_igpt.annotations import PathLike

# Browsers whose images are remembered.
MAX_SESSIONS = 256

CSS = """
.pixels img { image-rendering: pixelated; }
.pixels .grid-wrap { max-height: none; min-height: 0; }
.gradio-container {
  width: 100%; max-width: 1180px !important; margin: auto;
}
:focus-visible {
  outline: 3px solid var(--color-accent) !important; outline-offset: 1px;
}
.gradio-container .main { padding: 16px clamp(12px, 3vw, 32px) !important; }
.gradio-container .tabs { width: 100%; }
.head [data-testid=block-info] { white-space: nowrap; }
@media (max-width: 640px) {
  .pixels .grid-container { grid-template-columns: 1fr 1fr !important; }
  /* Else some tabs would be in a menu. */
  .tab-container button { padding: 0 8px !important; }
}
"""


def demo(
    model: Annotated[
        list[str],
        typer.Option(help="As of `generate`; again for a choice of models."),
    ] = ("football_any",),
    host: Annotated[
        str,
        typer.Option(
            help="The address to listen at. 0.0.0.0 lets anybody in who can "
            "reach this machine."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 7860,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the page in a browser.")
    ] = False,
    also: Annotated[
        list[str] | None,
        typer.Option(
            help="Another name that the page is opened by, as a proxy's; may "
            "be repeated. Others are refused."
        ),
    ] = None,
) -> None:
    """Serves a page to generate, edit and look into images."""
    launch(model, host, port, open_browser, names=also or ())


def launch(
    model: "PathLike | Sequence[PathLike]",
    host: str = "127.0.0.1",
    port: int = 7860,
    open_browser: bool = False,
    wait: bool = True,
    names: Sequence[str] = (),
) -> "gradio.Blocks":
    """Serves the page until it is interrupted.

    From then on Pillow opens, in this process, no other formats than those
    that keras_igpt reads.

    Args:
        model: as `keras_igpt.load` takes it; or several of them, to choose
            from on the page.
        host: the address to listen at; "0.0.0.0" lets all other machines in.
        port: 0 takes a free one.
        open_browser: whether to open the page.
        wait: whether to return only when interrupted.
        names: names that requests may call the server by, beside its
            address and, where it listens to this machine, "localhost".

    Returns:
        The `gradio.Blocks`; its `local_url` says where it is, its `close()`
        ends it.

    Raises:
        ModuleNotFoundError: if gradio is not installed.
        ValueError: if the port is taken, or none; or no model is named.
    """
    if not is_whole(port) or not 0 <= port < 2**16:
        raise ValueError(
            f"`port` must be from 0 to {2**16 - 1}. Received: port={port!r}."
        )
    models = [model] if isinstance(model, str | os.PathLike) else list(model)
    if not models:
        raise ValueError(
            "`model` must be a model, or several. Received: none. "
            "Name one, as 'football_any'."
        )
    from keras_igpt.cli.demo import page, texts

    page.check_gradio()
    from starlette.middleware import Middleware

    from keras_igpt.images.opening import forget_other_formats

    # Gradio opens what the browser sends for the drawing canvas.
    forget_other_formats()
    shown = page.page({str(name): load_image_gpt(name) for name in models})
    guarded = Middleware(guard.Guard, host, names, shown._queue)
    try:
        shown.launch(
            server_name=host,
            server_port=port or None,
            inbrowser=open_browser,
            prevent_thread_lock=not wait,
            max_file_size=guard.MAX_UPLOAD,
            state_session_capacity=MAX_SESSIONS,
            app_kwargs={"middleware": [guarded]},
            quiet=not wait,
            ssr_mode=False,
            share=False,
            footer_links=[],
            i18n=texts.translations(),
            **_look(),
        )
    except OSError as error:
        raise ValueError(
            f"`port` must be free. Received: port={port}, and: {error} "
            "Take another one, or 0 for any."
        ) from error
    return shown


def _look():
    """Colours and fonts of the page; no font but the system's own."""
    import gradio as gr

    theme = gr.themes.Default(
        primary_hue="emerald",
        font=("system-ui", "sans-serif"),
        font_mono=("ui-monospace", "monospace"),
    )
    # Gradio's own is too pale to read.
    theme.set(
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
    )
    return {"theme": theme, "css": CSS}
