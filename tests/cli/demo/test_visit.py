"""Tests of a visit in a real browser: what is kept, repeated, and chosen."""

import io

import numpy as np
import pytest
from browsing import (
    choose,
    click,
    download,
    draw,
    field,
    open_image,
    results,
)
from PIL import Image
from small_models import invoke, save_picture

from keras_igpt.images.files import read_parameters

# Serving with gradio warns of libraries' own affairs.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

SAME_AGAIN = "Same again with …"

# Texts, and their contrasts with what is behind them, as WCAG 2.2 has it.
CONTRAST = """
elements => {
  const numbers = color => {
    const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => {
      v /= 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const color = numbers(getComputedStyle(e).backgroundColor);
      if (color[3] > 0.9) return color;
    }
    return [255, 255, 255];
  };
  return elements.map(e => {
    const two = [numbers(getComputedStyle(e).color), behind(e)];
    const [dark, light] = two.map(luminance).sort((a, b) => a - b);
    return [e.innerText, (light + 0.05) / (dark + 0.05)];
  });
}
"""


def same_image(path, array):
    np.testing.assert_array_equal(np.asarray(Image.open(path)), array)


def test_caption_and_enter_generate_without_a_mouse(visit):
    page = visit()
    caption = field(page, "Caption: what to generate")
    page.locator("body").press("Home")
    for _ in range(12):
        page.keyboard.press("Tab")
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) != "none"
        if caption.evaluate("e => e === document.activeElement"):
            break
    page.keyboard.type("a ball")
    page.keyboard.press("Enter")
    assert len(results(page)) == 4


def test_downloaded_file_is_made_again(visit, tmp_path):
    page = visit()
    field(page, "Caption: what to generate").fill("a ball")
    field(page, "number input for Top-k").fill("3")
    field(page, "number input for Top-p").fill("0.9")
    field(page, "Seed").fill("7")
    click(page, "Generate")
    images = results(page)
    choose(page, 1)
    path = tmp_path / "downloaded.png"
    download(page, "Download").save_as(path)
    same_image(path, images[1])
    said = read_parameters(path)
    assert said["seed"] == 8 and said["text"] == ["a ball"]
    assert (said["top_k"], said["top_p"]) == (3, 0.9)
    assert "keras-igpt generate" in invoke("show", path).output
    invoke("again", path, "--out", tmp_path / "again.png")
    same_image(tmp_path / "again.png", images[1])


def test_edits_are_compared_and_made_again(visit, tmp_path, monkeypatch):
    page = visit("Edit")
    open_image(page, save_picture(tmp_path / "a.png", (10, 200, 30), (8, 8)))
    draw(page)
    click(page, "Edit")
    images = results(page)
    compared = page.locator("#compared img")
    compared.first.wait_for()

    def shown():
        found = compared.evaluate_all("all => all.map(i => i.src)")
        return [
            np.asarray(Image.open(io.BytesIO(page.request.get(url).body())))
            for url in found
        ]

    before, after = shown()
    assert (before == (10, 200, 30)).all()
    assert before.shape == after.shape
    np.testing.assert_array_equal(after[::48, ::48], images[0])
    choose(page, 2)
    page.wait_for_timeout(1500)
    np.testing.assert_array_equal(shown()[1][::48, ::48], images[2])
    result = tmp_path / "result.png"
    download(page, "Download").save_as(result)
    given = download(page, "Download what was given to the model")
    assert given.suggested_filename == read_parameters(result)["file"]
    given.save_as(tmp_path / given.suggested_filename)
    monkeypatch.chdir(tmp_path)
    invoke("again", result, "--out", "again.png")
    same_image("again.png", images[2])


def test_history_puts_settings_back(visit):
    page = visit()
    field(page, "Caption: what to generate").fill("a ball")
    field(page, "number input for Temperature").fill("0.5")
    field(page, "Seed").fill("7")
    click(page, "Generate")
    images = results(page)
    field(page, "Caption: what to generate").fill("else")
    field(page, "number input for Temperature").fill("1")
    field(page, "Seed").fill("0")
    click(page, "Generate")
    page.locator(".caption-label:visible", has_text="seed 0").wait_for()
    page.get_by_role("tab", name="History").click()
    titles = page.locator(".caption-label:visible")
    titles.nth(7).wait_for()
    assert titles.nth(0).inner_text() == "seed 0: else"
    assert titles.nth(4).inner_text() == "seed 7: a ball"
    choose(page, 5)
    click(page, SAME_AGAIN)
    caption = field(page, "Caption: what to generate")
    caption.wait_for()
    page.wait_for_timeout(500)
    assert caption.input_value() == "a ball"
    assert field(page, "Seed").input_value() == "8"
    assert field(page, "number input for Temperature").input_value() == "0.5"
    click(page, "Generate")
    page.locator(".caption-label:visible", has_text="seed 8").first.wait_for()
    np.testing.assert_array_equal(results(page)[0], images[1])


def test_history_puts_an_edits_mask_back(visit, tmp_path):
    page = visit("Edit")
    open_image(page, save_picture(tmp_path / "a.png", (10, 200, 30), (8, 8)))
    draw(page)
    click(page, "Edit")
    images = results(page)
    page.get_by_role("tab", name="History").click()
    choose(page, 3)
    click(page, SAME_AGAIN)
    field(page, "Seed").wait_for()
    page.wait_for_timeout(4000)
    assert field(page, "Seed").input_value() == "3"
    click(page, "Edit")
    page.locator(".caption-label:visible", has_text="seed 6").wait_for()
    np.testing.assert_array_equal(results(page)[0], images[3])


def test_history_is_no_others(visit):
    page = visit()
    click(page, "Generate")
    results(page)
    other = visit("History")
    other.wait_for_timeout(1500)
    assert other.locator(".thumbnail-item:visible").count() == 0
    again = other.get_by_role("button", name=SAME_AGAIN)
    assert again.is_disabled()


def test_fields_follow_the_chosen_model(visit):
    page = visit()
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="classes.keras").click()
    page.get_by_label("Class: what to generate").click()
    page.get_by_role("option", name="dog").click()
    assert field(page, "Caption: what to generate").count() == 0
    assert field(page, "number input for Steps").input_value() == "4"
    click(page, "Generate")
    images = results(page)
    assert images[0].shape == (8, 4)
    page.get_by_role("tab", name="History").click()
    choose(page, 0)
    command = page.locator("textarea[disabled]:visible")
    command.wait_for()
    page.wait_for_timeout(1000)
    assert "--label=dog" in command.input_value()
    # Back to another model: the choice comes with the settings.
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="captions.keras").click()
    click(page, SAME_AGAIN)
    field(page, "number input for Steps").wait_for()
    page.wait_for_timeout(500)
    click(page, "Generate")
    page.wait_for_timeout(3000)
    np.testing.assert_array_equal(results(page), images)


def test_page_speaks_the_browsers_language(visit):
    page = visit("历史", locale="zh-CN")
    page.get_by_text("最新的在前").wait_for()
    page.get_by_role("tab", name="生成").click()
    page.get_by_label("描述：要生成什么").wait_for()
    text = page.locator("body").inner_text()
    assert "Seed" not in text and "i18n" not in text
    assert "object Object" not in text


def test_other_languages_are_english(visit):
    page = visit("History", locale="fr")
    page.get_by_text("the newest first").wait_for()


@pytest.mark.parametrize("tab", ["Generate", "Edit", "Compose", "Tokens"])
def test_narrow_pages_do_not_scroll_sideways(visit, tab):
    page = visit(tab, viewport={"width": 390, "height": 844})
    page.wait_for_timeout(1000)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    if tab == "Generate":
        click(page, "Generate")
        results(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["Generate", "Edit", "Compose", "History"])
def test_words_can_be_read(visit, scheme, tab):
    page = visit(tab, color_scheme=scheme)
    page.wait_for_timeout(1000)
    words = "[data-testid=block-info], .prose p, .prose h1, label span"
    found = page.locator(f":is({words}):visible").evaluate_all(CONTRAST)
    assert len(found) > 2
    pale = {said: ratio for said, ratio in found if said and ratio < 4.5}
    assert not pale
