"""`tokenize`: images from anywhere become shards, once, on any machines."""

import contextlib
import dataclasses
import json
import logging
import os
import pathlib
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import filelock

from keras_igpt.annotations import PathLike
from keras_igpt.argument_checks import check_positive, checked_names
from keras_igpt.atomic_files import check_writable
from keras_igpt.data.shards import manifest as manifests
from keras_igpt.data.shards import places, work, writer
from keras_igpt.data.shards.image_source import open_images
from keras_igpt.data.shards.manifest import Manifest, Split
from keras_igpt.holding_out import shuffled_aside, validation_count

LOCK = ".tokenize.lock"

# Of images that are files and could not be read, named in the warning.
MAX_NAMED = 3


def tokenize(
    data: PathLike | Sequence[PathLike],
    tokenizer: Any,
    out: PathLike,
    splits: Sequence[str] | None = None,
    images: bool = True,
    rows_per_shard: int = 1024,
    name: str | None = None,
    workers: int | None = None,
    runner: str = "DirectRunner",
    options: Sequence[str] = (),
) -> Manifest:
    """Tokenises images once and writes them as shards, by Apache Beam.

    What was killed goes on where it was, when it is called again with the same
    arguments; files are then those of a run that was not. Shards that are
    complete stay as they are. Needs `pip install 'keras_igpt[beam]'`.

    Args:
        data: a folder or the name of a data set, as `load` takes them; a text
            file that ends in .txt with a path on each line; or a list of
            paths. Paths may be of any file system that Beam knows, as
            "gs://bucket/folder".
        tokenizer: as `PaletteTokenizer` and `VQTokenizer`, adapted; or a
            model that has one as `tokenizer`.
        out: folder for the shards.
        splits: names of splits; None for all of the data's.
        images: bool. Keep each image beside its tokens, as a PNG file of the
            tokenizer's size. Models with edits cannot be trained without.
        rows_per_shard: int. Images that each file is made of.
        name: str, the data set's name, with which files begin: small letters,
            digits and _. None: the name of the data.
        workers: int. Processes on this machine; None: one a core, and one
            alone with an accelerator, whose memory they would share. Other
            runners have options of their own.
        runner: str, one of Beam's runners, as "SparkRunner".
        options: Beam's own flags, as "--spark_master_url=spark://host:7077".

    Returns:
        The `Manifest` of all shards.

    Raises:
        ValueError: if an argument is wrong, or `out` has other shards.
        BlockingIOError: if another process writes to `out`.
        ChildProcessError: if a worker fails, as on a full disk.
        ImportError: if Beam is not installed.
    """
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    _check_tokenizer(tokenizer)
    check_positive("rows_per_shard", rows_per_shard)
    if workers is not None:
        check_positive("workers", workers, 1024)
    if splits is not None:
        splits = _checked_splits(splits)
    pipeline = _import_pipeline()
    if workers is None:
        from keras_igpt.compiling import num_workers

        workers = num_workers()
    options = list(options)
    with _quiet():
        pipeline.checked_options(runner, workers, options)
    out = os.fspath(out)
    if not places.is_remote(out):
        out = str(pathlib.Path(out).expanduser().resolve())
        check_writable("out", out)
    source = open_images(data, tokenizer.image_shape, splits)
    manifest = manifests.describe(
        tokenizer,
        name=_checked_name(name, source.name),
        columns=_columns(source.columns, images),
        class_names=tuple(source.class_names),
        rows_per_shard=rows_per_shard,
        data=source.name,
    )
    plan = work.new_plan(manifest, source)
    _check_count(plan)
    with _locked(out):
        if places.is_file(places.join(out, manifests.FILE)):
            found = _complete(out, plan)
            places.remove_folder(places.join(out, work.FOLDER))
            return found
        missing = _begin(out, plan, source, tokenizer)
        if missing:
            workers = min(workers, len(missing))
            with _quiet():
                beam = pipeline.checked_options(runner, workers, options)
                pipeline.run(out, plan, missing, tokenizer, beam)
        made = _finish(out, plan, source)
    _report(source, made)
    return made


def is_complete(out: PathLike) -> bool:
    """Whether a folder has shards that are complete."""
    return places.is_file(places.join(out, manifests.FILE))


def _check_tokenizer(tokenizer):
    needed = ("encode_all", "image_shape", "grid_size", "vocabulary_size")
    if not all(hasattr(tokenizer, name) for name in needed):
        raise ValueError(
            "`tokenizer` must be a tokenizer of keras_igpt, or a model that "
            f"has one. Received: {type(tokenizer).__name__}."
        )
    if not tokenizer.adapted:
        raise ValueError(
            "`tokenizer` must be adapted to images. Received: a "
            f"{type(tokenizer).__name__} that was never adapted. Call "
            "`tokenizer.adapt(dataset)` first."
        )


def _import_pipeline():
    try:
        with _quiet(), warnings.catch_warnings():
            # Of Beam's dependencies, about what Beam does.
            warnings.simplefilter("ignore")
            from keras_igpt.data.shards import pipeline
    except ImportError as error:
        raise ImportError(
            "Tokenising into shards needs Apache Beam: `pip install "
            f"'keras_igpt[beam]'`. Received: {error}."
        ) from error
    return pipeline


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Within, Beam logs nothing; what goes wrong is raised all the same."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _checked_splits(splits):
    splits = list(checked_names("splits", splits))
    if not all(map(manifests.SPLIT_NAME.fullmatch, splits)):
        raise ValueError(
            "`splits` must be whole ones, named by letters, digits and _. "
            f"Received: splits={splits}."
        )
    return splits


def _check_count(plan):
    most = max(map(plan.count, plan.rows))
    if most > manifests.MAX_SHARDS:
        raise ValueError(
            f"`rows_per_shard` must be so large that there are at most "
            f"{manifests.MAX_SHARDS:,} shards. Received: rows_per_shard="
            f"{plan.manifest.rows_per_shard}, which makes {most:,}."
        )


def _checked_name(name, data):
    """The data set's name; made of that of the data if there is none."""
    if name is None:
        last = re.split(r"[/\\]", data.rstrip("/\\").lower())[-1]
        last = re.sub(r"[^a-z0-9_]+", "_", last.removesuffix(".txt"))
        last = last.removeprefix("tfds_").strip("_")[:64]
        return last if manifests.NAME.fullmatch(last) else "images"
    if not isinstance(name, str) or not manifests.NAME.fullmatch(name):
        raise ValueError(
            "`name` must be small letters, digits and _, a letter first. "
            f"Received: name={name!r}."
        )
    return name


def _columns(found, images):
    """Columns of the shards, in their order."""
    wanted = {"tokens", *found, *(["image"] if images else [])}
    if not images:
        wanted -= {"source", "paired", "style"}
    return tuple(name for name in manifests.COLUMNS if name in wanted)


@contextlib.contextmanager
def _locked(out: str) -> Iterator[None]:
    """Keeps other processes of this machine from a folder."""
    if places.is_remote(out):
        yield
        return
    os.makedirs(out, exist_ok=True)
    path = places.join(out, LOCK)
    try:
        with filelock.FileLock(path, timeout=0):
            try:
                yield
            finally:  # while it is held, so that it is no other's
                pathlib.Path(path).unlink(missing_ok=True)
    except filelock.Timeout as error:
        raise BlockingIOError(
            "`out` must be a folder that no other process writes to. "
            f"Received: {out}. Wait for the other one, or give another."
        ) from error


def _complete(out, plan):
    """The manifest of shards that are complete, if they are the same."""
    with places.local_copy(places.join(out, manifests.FILE)) as copy:
        content = json.loads(pathlib.Path(copy).read_text("utf-8"))
    found = manifests.from_json(content)
    work.check_same(found, plan.manifest, out)
    return found


def _begin(out, plan, source, tokenizer):
    """Writes the plan; returns the splits and numbers of missing shards."""
    from keras import ops

    places.clear(out)
    places.clear(places.join(out, work.FOLDER))
    weights = [ops.convert_to_numpy(w) for w in tokenizer.weights]
    work.begin(out, plan, source, weights)
    there = places.list_names(out)
    return [
        (split, shard)
        for split, shard in plan.shards
        if plan.file(split, shard) not in there
    ]


def _finish(out, plan, source):
    """Writes the manifest, and takes the plan away."""
    rejected = [tuple(pair) for pair in source.unusable]
    splits, groups = {}, []
    for split in plan.rows:
        rows = []
        for done in places.each(
            lambda shard: work.read_done(out, *shard), plan.shards_of(split)
        ):
            rows.append(done["rows"])
            rejected += map(tuple, done["rejected"])
            groups += done.get("groups", []) if split == "train" else []
        splits[split] = Split(tuple(rows))
    empty = [split for split, made in splits.items() if not made.num_rows]
    if empty:
        raise ValueError(
            f"`data` must have at least one usable image in each split. "
            f"Received: {plan.manifest.data!r} with none in {empty}: "
            f"{_named(rejected)}. Repair the files, and remove {out!r}."
        )
    manifest = dataclasses.replace(
        plan.manifest,
        splits=splits,
        held_out=_held_out(splits, groups or None),
        num_rejected=len(rejected),
        rejected=tuple(rejected[: manifests.MAX_REJECTED]),
    )
    with tempfile.TemporaryDirectory() as made:
        writer.write_tfds_files(made, places.list_files(out), manifest)
        for name in (*writer.METADATA, manifests.FILE):
            path = pathlib.Path(made, name)
            if name == manifests.FILE:
                manifests.save(manifest, made)
            if path.exists():
                with places.new_file(places.join(out, name)) as temporary:
                    pathlib.Path(temporary).write_bytes(path.read_bytes())
    places.remove_folder(places.join(out, work.FOLDER))
    return manifest


def _held_out(splits, groups):
    """Rows of "train" that are set aside; none if all are of one group."""
    count = splits["train"].num_rows if "train" in splits else 0
    if len(set(groups or range(count))) < 2:
        return ()
    _, aside = shuffled_aside(count, validation_count(count), groups)
    return tuple(sorted(aside.tolist()))


def _report(source, manifest):
    """Says what of the data was not used."""
    said = []
    if manifest.num_rejected:
        total = sum(split.num_rows for split in manifest.splits.values())
        said.append(
            f"Left out {manifest.num_rejected} of "
            f"{total + manifest.num_rejected} files: "
            f"{_named(manifest.rejected)}. {manifests.FILE} names them."
        )
    if source.notes:
        said.append(f"Note: {'; '.join(source.notes)}.")
    if said:
        warnings.warn(" ".join(said), UserWarning, stacklevel=3)


def _named(rejected):
    return "; ".join(
        f"{name:.300}: {why:.300}" for name, why in rejected[:MAX_NAMED]
    )
