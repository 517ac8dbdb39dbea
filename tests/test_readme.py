"""Tests of the READMEs, and of pages in Chinese; `test_docs.py` runs code."""

import pytest
from documents import CHINESE, README, ROOT, blocks, figures, links, text_of


@pytest.mark.parametrize("name", [README, CHINESE])
def test_readme_is_short(name):
    assert len(text_of(name).splitlines()) <= 160


# Pages and the same in Chinese, and links of the one that the other has not.
IN_STEP = {
    README: (CHINESE, set(), set()),
    "docs/football.md": ("docs/football.zh-CN.md", set(), set()),
    "docs/index.md": (
        "docs/index.zh-CN.md",
        {"index.zh-CN.md"},
        {"index.md", "football.zh-CN.md"},
    ),
}

in_step = pytest.mark.parametrize("name", IN_STEP)


@in_step
@pytest.mark.parametrize("language", ["sh", "python"])
def test_chinese_has_the_same_commands_and_code(name, language):
    assert blocks(IN_STEP[name][0], language) == blocks(name, language)


@in_step
def test_chinese_has_the_same_figures(name):
    assert figures(name) == figures(IN_STEP[name][0])


@in_step
def test_chinese_has_the_same_links_in_the_same_order(name):
    chinese, english_alone, chinese_alone = IN_STEP[name]
    mirrored = {README: CHINESE, CHINESE: README}
    expected = [(mirrored.get(p, p), anchor) for p, anchor in links(name)]
    assert [
        link for link in links(chinese) if link[0] not in chinese_alone
    ] == [link for link in expected if link[0] not in english_alone]


@in_step
def test_chinese_has_the_same_headings(name):
    def levels(name):
        lines = text_of(name).splitlines()
        return [line.split()[0] for line in lines if line.startswith("#")]

    assert levels(IN_STEP[name][0]) == levels(name)


def test_readme_shows_images_that_come_along():
    shown = [path for path, _ in links(README) if path.endswith(".png")]
    assert shown and all((ROOT / path).exists() for path in shown)
