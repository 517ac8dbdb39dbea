"""The main process's side: environments, workers, and taking turns."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import venv
from importlib import metadata

from packaging.requirements import Requirement

from benchmarks.serve import num_cores

ROOT = pathlib.Path(__file__).parent.parent
FOLDER = ROOT / ".venvs"

# What the peers need. Pinned; "=" stands for the version that keras_igpt itself
# runs with.
REQUIREMENTS = {
    "huggingface": ["torch==2.13.0", "transformers==5.23.0", "numpy="],
    "kerashub": ["tensorflow=", "keras=", "keras-hub=", "keras-nlp=", "numpy="],
}

# The environment of keras_igpt without its extras: TensorFlow imports JAX where
# it finds it, and is 0.2 GiB larger then.
PLAIN = "keras_igpt"

# Large arrays lie in large pages, where Linux is asked for them.
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}

# Name: worker's module, its environment, what it adds to the case; its
# `"backend"` is Keras's, `"variables"` are those of its process.
SYSTEMS = {
    "keras_igpt": ("worker_ours", PLAIN, {}),
    "int8": ("worker_ours", PLAIN, {"quantization": "int8"}),
    "bfloat16": ("worker_ours", PLAIN, {"precision": "bfloat16"}),
    "on JAX": ("worker_ours", None, {"backend": "jax"}),
    "on JAX, huge pages": (
        "worker_ours",
        None,
        {"backend": "jax", "variables": HUGE_PAGES},
    ),
    "on PyTorch": ("worker_ours", None, {"backend": "torch"}),
    "any order": ("worker_ours", PLAIN, {"order": "any"}),
    "in 32 steps": ("worker_ours", PLAIN, {"order": "any", "steps": 32}),
    "in 16 steps": ("worker_ours", PLAIN, {"order": "any", "steps": 16}),
    "Hugging Face": ("worker_huggingface", "huggingface", {}),
    "HF, compiled": ("worker_huggingface", "huggingface", {"compile": True}),
    "KerasHub": ("worker_kerashub", "kerashub", {"jit": False}),
    "KerasHub, jit": ("worker_kerashub", "kerashub", {"jit": True}),
    "keras_igpt, LlamaGen": ("worker_photographs", None, {}),
    "Llama, PyTorch": ("worker_llama", "huggingface", {}),
    "keras_igpt, VQ-16": ("worker_photographs", None, {}),
    "VQ-16, PyTorch": ("worker_vq", "huggingface", {}),
    # No system: measures the machine.
    "memory": ("machine", None, {}),
}

# Cores only, no leftovers of earlier compilations.
VARIABLES = {
    "CUDA_VISIBLE_DEVICES": "",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1",
    "HF_HUB_OFFLINE": "1",
}


def requirements(name):
    """What the environment holds, each with its version."""
    lines = _needed() if name == PLAIN else REQUIREMENTS[name]
    return [
        f"{line}={metadata.version(line[:-1])}" if line[-1] == "=" else line
        for line in lines
    ]


def _needed():
    """What keras_igpt needs, extras left out, in its versions here."""
    lines = map(Requirement, metadata.requires("keras_igpt"))
    return [
        f"{line.name}="
        for line in lines
        if line.marker is None or line.marker.evaluate({"extra": ""})
    ]


def python_of(name):
    """The environment's interpreter; makes the environment at first."""
    if name is None:
        return sys.executable
    folder = FOLDER / name
    stamp = folder / "requirements.txt"
    python = str(folder / "bin" / "python")
    wanted = "\n".join(requirements(name)) + "\n"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Making {folder} …", flush=True)
        # Filled by our pip: some distributions' `venv` comes without one.
        venv.create(folder, clear=True)
        pip = [sys.executable, "-m", "pip", "--python", python]
        arguments = ["install", "--quiet", *wanted.split()]
        subprocess.run([*pip, *arguments], check=True)
        stamp.write_text(wanted)
    return python


class Worker:
    """A system's process, stopped while others have their turn.

    Args:
        system: str. Key of `SYSTEMS`.
        case: dict. What to build; see `__main__.py`.
        log: file that takes what the worker prints.
    """

    def __init__(self, system, case, log):
        module, environment, options = SYSTEMS[system]
        command = [python_of(environment), "-m", f"benchmarks.{module}"]
        log.write(f"\n=== {system}: {case} ===\n")
        log.flush()
        self.process = subprocess.Popen(
            [*command, json.dumps({**case, **options})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                **VARIABLES,
                **options.get("variables", {}),
                "KERAS_BACKEND": options.get("backend", "tensorflow"),
            },
            process_group=0,
        )
        self.facts = self._receive()

    def ask(self, request):
        """Lets the worker run once; its answer."""
        self._signal(signal.SIGCONT)
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._receive()

    def _receive(self):
        line = self.process.stdout.readline()
        # Spinning threads of an idle worker would slow the one at work.
        self._signal(signal.SIGSTOP)
        return json.loads(line) if line else {"error": "The worker died."}

    def _signal(self, number):
        """To the worker and the processes that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def close(self):
        self._signal(signal.SIGKILL)
        self.process.communicate()


def measure(case, systems, requests, repeats, log):
    """Runs systems alternately, repetition by repetition.

    Args:
        case: dict. What every system builds.
        systems: list of keys of `SYSTEMS`.
        requests: dict of requests; each repetition is one of each.
        repeats: int. Repetitions after a first, which includes compilation.
        log: file for what the workers print.

    Returns:
        dict of a dict per system: its facts, `"peak_bytes"` and `"runs"`,
        with `"first_seconds"`, the list `"seconds"` and what else the
        first answer held per request; `"error"` alone if it failed.
    """
    workers = {}
    try:
        for system in systems:
            workers[system] = Worker(system, case, log)
        results = {system: w.facts for system, w in workers.items()}
        for repeat in range(repeats + 1):
            for name, request in requests.items():
                for system, worker in workers.items():
                    if "error" not in results[system]:
                        answer = worker.ask({"seed": repeat, **request})
                        _add(results[system], name, answer)
        return results
    finally:
        for worker in workers.values():
            worker.close()


def bandwidth(quick, log):
    """Bytes per second that one core, and all of them, read."""
    worker = Worker("memory", {"bytes": 2**26 if quick else 2**30}, log)
    try:
        return {
            name: worker.ask({"threads": threads})["bytes_per_second"]
            for name, threads in (("one", 1), ("all", num_cores()))
        }
    finally:
        worker.close()


def _add(result, name, answer):
    """Files an answer under its request: the first, or one more."""
    if "error" in answer:
        result.clear()
        result.update(answer)
        return
    result["peak_bytes"] = answer.pop("peak_bytes")
    seconds = answer.pop("seconds")
    runs = result.setdefault("runs", {})
    if name in runs:
        runs[name]["seconds"].append(seconds)
    else:
        runs[name] = {"first_seconds": seconds, "seconds": [], **answer}
