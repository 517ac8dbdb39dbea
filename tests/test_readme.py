"""Tests of the READMEs; their code is run by `test_docs.py`."""

import pytest
from documents import CHINESE, README, ROOT, blocks, figures, links, text_of


@pytest.mark.parametrize("name", [README, CHINESE])
def test_readme_is_short(name):
    assert len(text_of(name).splitlines()) <= 160


@pytest.mark.parametrize("language", ["sh", "python"])
def test_chinese_has_the_same_commands_and_code(language):
    assert blocks(README, language)
    assert blocks(CHINESE, language) == blocks(README, language)


def test_chinese_has_the_same_figures():
    assert figures(CHINESE) == figures(README)


def test_chinese_has_the_same_links_in_the_same_order():
    mirrored = {README: CHINESE, CHINESE: README}
    expected = [(mirrored.get(p, p), anchor) for p, anchor in links(README)]
    assert links(CHINESE) == expected


def test_chinese_has_the_same_headings():
    def levels(name):
        lines = text_of(name).splitlines()
        return [line.split()[0] for line in lines if line.startswith("#")]

    assert levels(CHINESE) == levels(README)


def test_readme_shows_images_that_come_along():
    shown = [path for path, _ in links(README) if path.endswith(".png")]
    assert shown and all((ROOT / path).exists() for path in shown)
