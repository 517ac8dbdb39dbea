"""Helpers that open the demo's page in a real browser."""

import io
import shutil
import subprocess
import sys

import numpy as np
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    # The drawing canvas wants WebGL, which a machine without GPU computes.
    "--enable-unsafe-swiftshader",
)


def serving(*paths, before=""):
    """The address of a page of some models while it is there."""
    program = (
        f"import sys\n{before}\n"
        "from keras_igpt.cli.demo import server\n"
        f"page = server.launch({[*map(str, paths)]!r}, port=0, wait=False)\n"
        "print(page.local_url, flush=True)\n"
        "sys.stdin.read()\n"  # until this end of the pipe is closed
        "page.close()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = iter(process.stdout.readline, "")
    yield next(line.strip() for line in lines if line.startswith("http"))
    with process:
        process.stdin.close()
        process.wait(60)


def results(page):
    """The images of the gallery when they are whole, which have seeds."""
    page.locator(".caption-label:visible", has_text="seed").first.wait_for()
    return shown_images(page)


def shown_images(page):
    """The images of the gallery that can be seen, as arrays."""
    found = page.locator(".thumbnail-item img:visible")
    found.first.wait_for()
    return [
        np.asarray(Image.open(io.BytesIO(page.request.get(source).body())))
        for source in found.evaluate_all("all => all.map(i => i.src)")
    ]


def click(page, name):
    page.get_by_role("button", name=name, exact=True).locator(
        "visible=true"
    ).click()


def open_file(page, path):
    with page.expect_file_chooser() as chooser:
        click(page, "Open an image …")
    chooser.value.set_files(path)


def open_image(page, path):
    """Opens an image, and waits until the page shows it: then it is kept."""
    with page.expect_response(lambda answer: "/file=" in answer.url):
        open_file(page, path)


def draw(page):
    """Draws a line over the middle of the image on the canvas."""
    canvas = page.locator("#canvas canvas").first
    canvas.wait_for()
    page.wait_for_timeout(3000)  # the canvas fades in
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 20, y)
    page.mouse.down()
    page.mouse.move(x + 20, y, steps=5)
    page.mouse.up()
    page.wait_for_timeout(500)


def choose(page, index):
    """Clicks one of the images of the gallery that can be seen."""
    page.locator(".thumbnail-item:visible").nth(index).click()


def field(page, label):
    """A field that can be seen, by its label."""
    return page.get_by_label(label, exact=True).locator("visible=true")


def download(page, name):
    """The file behind a button, by its name."""
    button = page.get_by_role("button", name=name).locator("visible=true")
    link = page.get_by_role("link", name=name).locator("visible=true")
    with page.expect_download() as found:
        button.or_(link).first.click()
    return found.value
