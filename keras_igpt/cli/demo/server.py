"""The server of `keras-igpt demo`: a model to play with, in a browser.

What the page shows is in `demo_page.py`, what a click does in `demo_jobs.py`.
It needs gradio (`pip install 'keras_igpt[demo]'`), and nothing but this
machine: no fonts, scripts or figures come from or go elsewhere.
"""

from keras_igpt.cli import jobs
from keras_igpt.cli.demo import page

# Largest file that may be sent to the page.
MAX_UPLOAD = "10mb"

# Browsers whose pictures are remembered.
MAX_SESSIONS = 256

# The browser itself refuses to ask anybody else.
POLICY = (
    "default-src 'self' data: blob:; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'"
)

CSS = """
.pixels img { image-rendering: pixelated; }
.gradio-container { max-width: 1180px !important; margin: auto; }
.gradio-container .tabs { width: 100%; }
"""


def launch(model, host="127.0.0.1", port=7860, open_browser=False, wait=True):
    """Serves the page until it is interrupted.

    Args:
        model: path as `keras_igpt.load` takes it.
        host: str. The address to listen at; "0.0.0.0" lets other machines
            in, whoever they are.
        port: int; 0 takes a free one.
        open_browser: bool. Open the page.
        wait: bool. Return only when interrupted.

    Returns:
        The `gradio.Blocks`; its `local_url` says where it is, its `close()`
        ends it.

    Raises:
        ModuleNotFoundError: if gradio is not installed.
        ValueError: if the port is taken.
    """
    page.check_gradio()
    from starlette.middleware import Middleware

    shown = page.page(
        jobs.load_painter(model), jobs.class_names(model), str(model)
    )
    try:
        shown.launch(
            server_name=host,
            server_port=port or None,
            inbrowser=open_browser,
            prevent_thread_lock=not wait,
            max_file_size=MAX_UPLOAD,
            state_session_capacity=MAX_SESSIONS,
            app_kwargs={"middleware": [Middleware(AloneWithServer)]},
            quiet=not wait,
            ssr_mode=False,
            share=False,
            footer_links=[],
            **_look(),
        )
    except OSError as error:
        raise ValueError(
            f"`port` must be free. Received: port={port}, and: {error} "
            "Do take another one, or 0 for any."
        ) from error
    return shown


class AloneWithServer:
    """Adds the policy that lets a page ask its own server alone."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def send_with_policy(message):
            if message["type"] == "http.response.start":
                name = b"content-security-policy"
                message["headers"].append((name, POLICY.encode()))
            await send(message)

        await self.app(scope, receive, send_with_policy)


def _look():
    """Colours and fonts of the page; no font but the system's own."""
    import gradio as gr

    theme = gr.themes.Default(
        primary_hue="emerald",
        font=("system-ui", "sans-serif"),
        font_mono=("ui-monospace", "monospace"),
    )
    return {"theme": theme, "css": CSS}
