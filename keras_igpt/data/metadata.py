"""Tables that say more of a folder's images: captions, labels, pairs.

`metadata.csv`, with commas, semicolons or tabs, or `metadata.jsonl` (Hugging
Face "imagefolder"): a row per image, whose file it names from the table's own
folder on.
"""

import csv
import json
import os
import pathlib
import typing

METADATA = ("metadata.csv", "metadata.tsv", "metadata.jsonl")

# The column that names the other images of pairs.
SOURCE = "source_file_name"

USEFUL = ("text", "label", SOURCE)

COLUMNS = ("file_name", *USEFUL, "style", "group")

# Digits of the largest number that a label may be.
MAX_DIGITS = 5


class Row(typing.NamedTuple):
    """What a table says of an image, as far as it does."""

    path: pathlib.Path
    label: typing.Any = None  # str or int, before it becomes a class id
    text: str | None = None
    source: pathlib.Path | None = None  # the other image of a pair
    style: str | None = None
    group: str | None = None


class Table(typing.NamedTuple):
    """A table that has been read."""

    path: pathlib.Path
    columns: list[str]
    rows: list[Row]


def read_table(root: pathlib.Path, path: pathlib.Path) -> Table:
    """Reads a table, every row checked.

    Args:
        root: the folder that no file may be outside of.
        path: of a file in it, whose name is one of `METADATA`.

    Raises:
        ValueError: naming the table, and the row if it is only one.
    """
    read = _read_jsonl if path.suffix == ".jsonl" else _read_csv
    try:
        columns, rows = read(path)
    except (ValueError, TypeError, RecursionError, OSError, csv.Error) as error:
        raise ValueError(
            f"`{path.name}` must be a readable UTF-8 table. Received: "
            f"{str(path)!r}, which fails with: {error!s:.500}. Repair the file."
        ) from error
    if "file_name" not in columns or columns.isdisjoint(USEFUL):
        raise ValueError(
            f"`{path.name}` must have the column `file_name` and at least "
            f"one of `text`, `label` and `{SOURCE}`. Received: "
            f"columns={str(sorted(columns)):.500} in {str(path)!r}. Rename its "
            "columns."
        )
    # Who links a folder into another means what lies there as well.
    inside = (root.resolve(), path.parent.resolve())
    checked = [
        _checked_row(inside, path, columns, number, row)
        for number, row in enumerate(rows, start=1)
    ]
    return Table(path, sorted(columns), checked)


def _read_csv(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        header = file.readline()
        file.seek(0)
        reader = csv.DictReader(file, delimiter=_delimiter(header))
        names, rows = reader.fieldnames or [], list(reader)
    if len(set(names)) < len(names):
        raise csv.Error(f"two columns have one name: {names}")
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise csv.Error(
                f"row {number} has more cells than the header (a text with "
                "a comma needs quotes)"
            )
    return set(names), rows


def _delimiter(header):
    """What parts the cells: what makes `file_name` one of them."""
    for delimiter in ",;\t":
        cells = next(csv.reader([header], delimiter=delimiter), [])
        if "file_name" in cells:
            return delimiter
    return ","


def _read_jsonl(path):
    with open(path, encoding="utf-8-sig") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise TypeError("every line must be a JSON object")
    return set().union(*rows), rows


def _checked_row(inside, path, columns, number, row):
    label, group = row.get("label"), row.get("group")
    cells = {
        "file_name": row.get("file_name") or 0,
        "text": row.get("text") or "",
        SOURCE: row.get(SOURCE) or "",
        "style": row.get("style") or "",
        "group": str(group) if type(group) is int else group or "",
    }
    if "label" not in columns:
        label = None
    elif type(label) is not int:
        cells["label"] = label or 0
    lacks_style = "style" in columns and cells[SOURCE] and not cells["style"]
    if lacks_style or not all(map(_is_text, cells.values())):
        raise ValueError(
            f"`{path.name}` must give every image its file name, text as a "
            "string, label and group as a string or int, and pairs their "
            "style, if there are such columns; all in whole characters, none "
            f"of them NUL. Received: {ascii(row):.300} in row {number} of "
            f"{str(path)!r}. Complete that row."
        )
    names = [cells["file_name"], *filter(None, [cells[SOURCE]])]
    files = [path.parent / name for name in names]
    _check_inside(inside, path, number, files)
    return Row(
        files[0],
        label,
        cells["text"] if "text" in columns else None,
        files[1] if len(files) > 1 else None,
        cells["style"] or None,
        cells["group"] or None,
    )


def _is_text(value):
    """Whether it is a str that UTF-8 can hold, without NUL."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _check_inside(inside, path, number, files):
    for file in files:
        try:
            real = file.resolve()
            is_inside = any(map(real.is_relative_to, inside))
        except (OSError, ValueError, RuntimeError):  # no name of a file
            is_inside = False
        if not is_inside:
            raise ValueError(
                f"`{path.name}` must name files inside its folder, also where "
                f"links lead. Received: {str(file)!r:.500} in row {number} of "
                f"{str(path)!r}. Copy the image into the folder."
            )


def numbered_labels(tables: list[Table]) -> list[Table]:
    """The tables; with ints as labels if all labels are whole numbers.

    Raises:
        ValueError: if there are such numbers that no class can have.
    """
    labels = [row.label for table in tables for row in table.rows]
    known = [label for label in labels if label is not None]
    if not all(isinstance(x, str) and x.isdecimal() for x in known):
        return tables
    for label in known:
        if len(label) > MAX_DIGITS:
            raise ValueError(
                "`label` of metadata must be a name, or a whole number of at "
                f"most {MAX_DIGITS} digits. Received: label={label:.20}…, of "
                f"{len(label)} digits. Number the classes from 0."
            )
    return [
        table._replace(
            rows=[
                row._replace(label=row.label and int(row.label))
                for row in table.rows
            ]
        )
        for table in tables
    ]


def relative_name(path: pathlib.Path, root: pathlib.Path) -> str:
    """A file's name from the folder on, with "/" on every system."""
    return pathlib.Path(os.path.relpath(path, root)).as_posix()
