"""Programs that tests start: some that wait for each other, as workers do."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys

import keras_igpt

ROOT = pathlib.Path(keras_igpt.__file__).parents[1]


def free_ports(count):
    """Ports of this machine that nobody listens at."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def clusters(count):
    """`TF_CONFIG` of each of some workers on this machine."""
    hosts = [f"127.0.0.1:{port}" for port in free_ports(count)]
    return [
        json.dumps(
            {
                "cluster": {"worker": hosts},
                "task": {"type": "worker", "index": index},
            }
        )
        for index in range(count)
    ]


def start(words, **variables):
    """Starts Python with some words; what it says is read in the end."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "-1",
        "OMP_NUM_THREADS": "1",
        **variables,
    }
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(processes, seconds=900):
    """What processes have said; none lives on. All must end well."""
    try:
        said = [each.communicate(timeout=seconds)[0] for each in processes]
    finally:
        for each in processes:
            each.kill()
            each.wait()
    for each, words in zip(processes, said):
        assert each.returncode == 0, words[-3000:]
    return said
