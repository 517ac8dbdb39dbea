"""Puts images and cards of `saved_models/` into the built pages.

They lie beside the models, once; pages link them as `../saved_models/…`, and
cards link pages as `../../docs/…`, which is right in the repository.
"""

import pathlib

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parents[1]


def on_files(files, config):
    """Adds them to the files of the site."""
    folder = ROOT / "saved_models"
    for path in [*folder.rglob("*.png"), *folder.glob("*/README.md")]:
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, **kwargs):
    """Links lead to where they are in the site."""
    markdown = markdown.replace("](../saved_models/", "](saved_models/")
    return markdown.replace("](../../docs/", "](../../")
