"""The Beam pipeline: shards that are missing, each made by some worker.

Its elements are a split and a number; images are read, and shards written, by
the workers themselves. So every runner writes the same files.
"""

import contextlib
import json
import os
import shlex
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    StandardOptions,
)
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import create_runner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from keras_igpt import progress
from keras_igpt.data.shards import places, work
from keras_igpt.data.shards.worker import WAITING, load_tokenizer, write_shard

LOCAL = "DirectRunner"

LOCAL_NAMES = ("direct", "directrunner")

# What the processes of this machine say, while they work.
LOG = "workers.log"

# Seconds between two looks at which shards are there: here, and elsewhere.
PAUSE = 0.5

FAR_PAUSE = 20.0


class WriteShard(beam.DoFn):
    """Writes the shards whose splits and numbers it is given.

    Args:
        out: str, folder of the shards.
        tokenizer_class: class of the tokenizer.
        config: JSON of its configuration.
    """

    def __init__(self, out: str, tokenizer_class: type, config: str) -> None:
        self.out = out
        self.tokenizer_class = tokenizer_class
        self.config = config

    def setup(self) -> None:
        """Loads the tokenizer, once for a worker's process."""
        self.plan = work.read_plan(self.out)
        self.tokenizer = load_tokenizer(
            self.tokenizer_class,
            self.config,
            self.out,
            self.plan.manifest.tokenizer_fingerprint,
        )

    def process(self, element: tuple[str, int]) -> None:
        """Writes one shard."""
        split, shard = element
        write_shard(self.out, self.plan, self.tokenizer, split, shard)


def checked_options(
    runner: str, workers: int, options: Sequence[str]
) -> PipelineOptions:
    """Beam's options.

    Args:
        runner: name of a runner that Beam knows.
        workers: int. Processes on this machine, for "DirectRunner".
        options: Beam's own flags, as on a command line.

    Raises:
        ValueError: if Beam does not know one of them.
    """
    if str(runner).lower() in LOCAL_NAMES:
        runner = LOCAL
    flags = [f"--runner={runner}", *options]
    if runner == LOCAL:  # before those that were asked for, which count
        flags[1:1] = [f"--direct_num_workers={workers}"]
    found = PipelineOptions(flags)
    known, kept = (
        found.get_all_options(drop_default=True, retain_unknown_options=keep)
        for keep in (False, True)
    )
    unknown = [name for name in kept if name not in known]
    # Of other runners some are known to the cluster alone.
    if unknown and runner == LOCAL or not all(map(_is_flag, options)):
        raise ValueError(
            "Options that are not those of `tokenize` must be Beam's, each as "
            f"--name=value. Received: {' '.join(options)}. See Beam's page of "
            "the runner."
        )
    try:
        create_runner(runner)
    except (ValueError, ImportError, AttributeError) as error:
        raise ValueError(
            "`runner` must be one that Beam knows, as DirectRunner. "
            f"Received: runner={runner!r}: {error!s:.300}."
        ) from error
    return found


def _is_flag(option):
    return isinstance(option, str) and option.startswith("--")


def run(
    out: str,
    plan: work.Plan,
    missing: Sequence[tuple[str, int]],
    tokenizer: Any,
    options: PipelineOptions,
) -> None:
    """Makes the shards that are missing, and waits until they are there.

    Args:
        out: folder of the shards, with the plan in it.
        plan: that plan.
        missing: splits and numbers.
        tokenizer: the tokenizer; its class must be known to workers.
        options: as `checked_options` returns them.

    Raises:
        ChildProcessError: if a worker failed, with what it said.
    """
    threads = _threads(options)
    config = json.dumps(tokenizer.get_config())
    with _environment(threads), _watched(out, plan, missing):
        pipeline = beam.Pipeline(runner=_runner(options, out), options=options)
        _ = (
            pipeline
            | "Shards" >> beam.Create(list(missing))
            | "Spread" >> beam.Reshuffle()
            | "Tokenize" >> beam.ParDo(WriteShard(out, type(tokenizer), config))
        )
        try:
            result = pipeline.run()
            state = result.wait_until_finish()
        # Beam raises what a worker did, or all that it said as one text.
        except Exception as error:
            raise _failed(str(error) or type(error).__name__) from error
    if str(state) not in ("DONE", "None"):
        raise _failed(f"the runner ended as {state}")


def _failed(said):
    (*_, last) = ["", *filter(str.strip, said.splitlines())]
    return ChildProcessError(
        "Every worker must be able to read the images and to write shards. "
        f"Received: {last:.500}. Once that is mended, the same call goes on "
        "from the shards that are there."
    )


def _runner(options, out):
    """The runner; on one machine Beam's own in Python, nothing else."""
    name = options.view_as(StandardOptions).runner
    if name != LOCAL:
        return create_runner(name)
    # Beam's choice would first try to download another one.
    if options.view_as(DirectOptions).direct_num_workers == 1:
        return FnApiRunner()
    log = os.devnull
    if not places.is_remote(out):
        log = work.place(out, LOG)
    # What goes wrong reaches this process by another way.
    command = (
        f"exec {shlex.quote(sys.executable)} -m "
        f"apache_beam.runners.worker.sdk_worker_main 2>>{shlex.quote(log)}"
    )
    processes = SubprocessSDKEnvironment.from_command_string(command)
    return FnApiRunner(default_environment=processes)


def _threads(options):
    """Threads for each process of this machine's; None for another runner."""
    if options.view_as(StandardOptions).runner != LOCAL:
        return None
    workers = options.view_as(DirectOptions).direct_num_workers or 1
    return max(1, (os.cpu_count() or 1) // workers)


@contextlib.contextmanager
def _environment(threads: int | None) -> Iterator[None]:
    """What processes that are begun inside find in their environment."""
    if threads is None:
        yield
        return
    ours = {
        WAITING: str(os.getpid()),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "OMP_NUM_THREADS": str(threads),
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _watched(
    out: str, plan: work.Plan, missing: Sequence[tuple[str, int]]
) -> Iterator[None]:
    """A progress bar of the shards that have come, whoever writes them."""
    sizes = {}
    for split, shard in missing:
        first, last = plan.range(split, shard)
        sizes[plan.file(split, shard)] = last - first
    ended = threading.Event()

    pause = FAR_PAUSE if places.is_remote(out) else PAUSE

    def watch(advance):
        while not ended.wait(pause):
            for name in sizes.keys() & _names_in(out):
                advance(sizes.pop(name))

    with progress.bar("tokenizing images", sum(sizes.values())) as advance:
        thread = threading.Thread(target=watch, args=[advance], daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _names_in(out):
    try:
        return places.list_names(out)
    except Exception:  # another machine that does not answer; asked again
        return set()
