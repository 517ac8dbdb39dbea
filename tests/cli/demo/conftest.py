"""A page of small models, and a browser to open it in."""

import pytest
from browsing import CHROMIUM, FLAGS, serving
from small_models import make_caption_model, make_model


def make_class_model():
    """Greys of 8x4 pixels, in any order, with classes."""
    return make_model(
        (8, 4), class_names=["cat", "dog", "owl"], order="any", steps=4
    )


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The address of a page of two models, served by its own process."""
    folder = tmp_path_factory.mktemp("demo")
    paths = [folder / "captions.keras", folder / "classes.keras"]
    for path, make in zip(paths, (make_caption_model, make_class_model)):
        make().save(path)
    yield from serving(*paths)


@pytest.fixture(scope="session")
def browser():
    """A browser, whose every page is a visitor of its own."""
    if CHROMIUM is None:
        pytest.skip("no `chromium` on the PATH to open the page in")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=list(FLAGS)
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, served):
    """A function that opens the page anew; all it asks is noted."""
    pages = []

    def at(tab="Generate", **options):
        size = {"width": 1280, "height": 1000}
        page = browser.new_page(**{"viewport": size, **options})
        pages.append(page)
        page.set_default_timeout(45_000)
        page.hosts = set()
        page.on("request", lambda r: page.hosts.add(r.url.split("?")[0]))
        page.goto(served)
        page.get_by_role("tab", name=tab, exact=True).click()
        return page

    yield at
    for page in pages:
        page.close()
