"""Tests of the demo in a real browser."""

import concurrent.futures
import json
import urllib.request

import numpy as np
import pytest
from browsing import (
    click,
    draw,
    open_file,
    open_image,
    results,
    serving,
    shown_images,
)
from PIL import Image
from small_models import invoke, make_caption_model, save_picture

from keras_igpt.cli.demo import server

# Serving with gradio warns of libraries' own affairs.
pytestmark = pytest.mark.filterwarnings("default")


# A cell at a time, and each takes a while.
SLOWLY = """
import time
from keras_igpt.generation import image_decoder, pieces
pieces.FIRST, image_decoder.WATCHED = 1, 0.0
done = pieces.Pieces.done
def slowly(self, *args):
    time.sleep(0.3)
    done(self, *args)
pieces.Pieces.done = slowly
"""


@pytest.fixture(scope="module")
def slowly_served(tmp_path_factory):
    """As `served`, by a model that takes seconds for an image."""
    path = tmp_path_factory.mktemp("slow") / "model.keras"
    make_caption_model().save(path)
    yield from serving(path, before=SLOWLY)


@pytest.mark.slow
def test_caption_makes_the_models_images(visit, served):
    page = visit("Generate")
    page.get_by_label("Caption: what to generate").fill("a ball")
    page.get_by_label("Seed").fill("7")
    click(page, "Generate")
    images = results(page)
    wanted = make_caption_model().generate(
        text="a ball", num_images=4, guidance_scale=2.0, seed=7
    )
    np.testing.assert_array_equal(images, wanted)


@pytest.mark.slow
def test_images_grow_until_they_are_stopped(browser, slowly_served):
    page = browser.new_page()
    page.set_default_timeout(45_000)
    page.goto(slowly_served)
    page.get_by_role("tab", name="Generate").click()
    click(page, "Generate")
    first = shown_images(page)
    assert any((image == 127).any() for image in first)
    click(page, "Stop")
    page.wait_for_timeout(1000)
    stopped = shown_images(page)
    page.wait_for_timeout(1500)
    np.testing.assert_array_equal(shown_images(page), stopped)
    assert any((image == 127).any() for image in stopped)
    click(page, "Generate")
    whole = np.stack(results(page))
    assert not (whole == 127).all(axis=-1).any()
    page.close()


@pytest.mark.slow
def test_page_asks_its_own_server_alone(visit, served):
    page = visit("Tokens")
    assert page.hosts
    outside = {
        url
        for url in page.hosts
        if not url.startswith((served, "data:", "blob:"))
    }
    assert not outside


@pytest.mark.slow
def test_drawn_mask_is_generated_anew_and_the_rest_is_kept(visit, tmp_path):
    page = visit("Edit")
    path = save_picture(tmp_path / "a.png", (10, 200, 30), (8, 8))
    open_image(page, path)
    draw(page)
    click(page, "Edit")
    images = np.array(results(page))
    kept = (images == (10, 200, 30)).all(-1)
    assert images.shape == (4, 8, 8, 3)
    assert kept[:, [0, 0, -1, -1], [0, -1, 0, -1]].all()
    assert not kept.all()


@pytest.mark.slow
def test_keyboard_alone_makes_a_mask(visit, tmp_path):
    page = visit("Edit")
    path = save_picture(tmp_path / "a.png", (10, 200, 30), (8, 8))
    open_image(page, path)
    page.get_by_label("Or a box").fill("0 0 50 100")
    page.keyboard.press("Enter")
    images = np.array(results(page))
    kept = (images == (10, 200, 30)).all(-1)
    assert kept[:, :, 4:].all() and not kept.all()


@pytest.mark.slow
def test_rubbish_makes_a_sentence(visit, tmp_path):
    page = visit("Edit")
    (tmp_path / "a.png").write_bytes(b"no image at all" * 100)
    open_file(page, tmp_path / "a.png")
    page.get_by_text("The file must be an image, such as PNG").wait_for()


@pytest.mark.slow
def test_large_files_are_refused_with_a_sentence(visit, tmp_path):
    page = visit("Edit")
    (tmp_path / "a.png").write_bytes(b"x" * 11_000_000)
    open_file(page, tmp_path / "a.png")
    page.get_by_text("exceed the maximum allowed size").first.wait_for()


@pytest.mark.slow
def test_image_is_read_cell_by_cell(visit, tmp_path):
    page = visit("Tokens")
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), "uint8")
    Image.fromarray(image).save(tmp_path / "a.png")
    open_image(page, tmp_path / "a.png")
    click(page, "Read")
    page.locator("#cells img").wait_for()
    nats = make_caption_model().score(image[None])[0]
    page.get_by_text(f"{nats:.2f} nats").wait_for()


@pytest.mark.slow
def test_page_is_composed_around_an_image(visit, tmp_path):
    page = visit("Compose")
    open_image(page, save_picture(tmp_path / "a.png", (10, 200, 30), (8, 8)))
    click(page, "Compose")
    images = np.array(results(page))
    assert (images[:, 2:6, 2:6] == (10, 200, 30)).all()


def test_demo_serves_this_machine_alone_by_default(monkeypatch):
    seen = []
    monkeypatch.setattr(
        server, "launch", lambda *args, names: seen.append((*args, names))
    )
    invoke("demo", "--model", "m.keras")
    invoke("demo")
    here = ("127.0.0.1", 7860, False, ())
    assert seen == [(["m.keras"], *here), (["football_any"], *here)]


def test_no_model_is_named_in_a_sentence():
    with pytest.raises(ValueError, match="`model` must be a model"):
        server.launch([])


@pytest.mark.slow
def test_other_origins_are_refused_by_policy(served):
    with urllib.request.urlopen(served) as answer:
        policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in json.dumps(policy)


def test_several_users_get_their_own_images():
    model = make_caption_model()
    texts = ["a", "bb", "ccc", "dddd"] * 2
    generate = concurrent.futures.ThreadPoolExecutor(8).map
    together = list(
        generate(lambda t: model.generate(text=t, num_images=2, seed=3), texts)
    )
    for text, images in zip(texts, together):
        alone = model.generate(text=text, num_images=2, seed=3)
        np.testing.assert_array_equal(images, alone)
