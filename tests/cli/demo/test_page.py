import asyncio
import json
import os
import re
import sys

import pytest
from small_models import ORDERS, make_caption_model, make_model

from keras_igpt.cli.demo import page as demo_page
from keras_igpt.cli.demo import texts

# Importing gradio warns of libraries' own affairs.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def build(monkeypatch):
    """Builds a page; closes the event loops that gradio leaves open."""
    made, new_event_loop = [], asyncio.new_event_loop

    def noted():
        made.append(new_event_loop())
        return made[-1]

    def page(*models):
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "new_event_loop", noted)
            named = {f"model {i}": model for i, model in enumerate(models)}
            return demo_page.page(named)

    yield page
    asyncio.set_event_loop(None)
    for loop in made:
        loop.close()


def fields_of(blocks):
    """Properties of what a page shows, by English texts of tabs and fields."""
    props = [block["props"] for block in blocks.config["components"]]
    return {
        in_english(str(p.get("label") or p.get("value"))): p
        for p in props
        if p.get("visible", True)
    }


def in_english(said):
    """What a browser without a table of its own makes of a text."""
    known = texts.translations().translations["en"]
    return re.sub(
        r"__i18n__(\{.*?\})",
        lambda found: known[json.loads(found[1])["key"]],
        said,
    )


def labels(blocks):
    return set(fields_of(blocks))


def test_page_has_a_tab_for_all_a_model_can_do(build):
    shown = labels(build(make_caption_model()))
    assert shown >= {"Generate", "Edit", "Compose", "Tokens"}
    assert "Caption: what to generate" in shown


def test_page_offers_to_generate_around_what_is_kept(build):
    shown = labels(build(make_model(class_names=["cat", "dog", "owl"])))
    assert shown >= {"Edit", "Compose", "Class: what to generate"}


@pytest.mark.parametrize("order", ORDERS)
def test_page_asks_for_steps_where_there_are_some(build, order):
    shown = labels(build(make_model(**ORDERS[order])))
    assert ("Steps" in shown) == (order == "any")


def test_fields_have_the_names_of_arguments(build):
    shown = labels(build(make_model(**ORDERS["any"])))
    assert shown >= {
        *("Seed", "Steps", "Guidance scale", "Temperature", "Top-k", "Top-p")
    }


def test_models_are_a_choice_where_there_are_several(build):
    assert "Model" not in labels(build(make_model()))
    shown = fields_of(build(make_model(), make_caption_model()))
    choices = [value for _, value in shown["Model"]["choices"]]
    assert choices == ["model 0", "model 1"]


def test_page_tells_nobody(build):
    assert build(make_model()).analytics_enabled is False
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


def test_clicks_wait_in_a_bounded_queue(build):
    blocks = build(make_model())
    generating = [f for f in blocks.fns.values() if f.concurrency_id == "model"]
    assert generating
    assert all(f.concurrency_limit == 2 for f in generating)
    assert blocks._queue.max_size == demo_page.MAX_WAITING


def test_missing_gradio_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ModuleNotFoundError, match=r"keras_igpt\[demo\]"):
        demo_page.page({"m": make_model()})
