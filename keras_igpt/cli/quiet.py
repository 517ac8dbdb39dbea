"""Standard error of the commands, without TensorFlow's notices.

TensorFlow's C++ code writes to file descriptor 2, past Python; no variable
silences what it says while it loads. So this descriptor leads into a process
that drops these lines and passes on all others, until nobody is left who
could write: also when the command has ended, or crashed. Python's own
`sys.stderr` does not take this way: warnings and progress bars reach the
terminal as ever.

`TF_CPP_MIN_LOG_LEVEL=0` in the environment shows everything.
"""

import logging
import os
import re
import select
import signal
import sys
from collections.abc import Iterator

# Records of TensorFlow's log, in both of its forms:
# I0000 00:00:1795664455.272495   11402 port.cc:153] oneDNN custom …
# 2026-01-31 12:00:00.123456: I tensorflow/core/util/port.cc:153] oneDNN …
# Of the levels I, W and E: what goes wrong reaches Python as an error, and E
# stands before much that a user need not know, such as an optimisation that
# was not possible. F, after which the process ends, is passed on. Then come
# lines that stand outside of records, or are the second of one.
NOTICE = re.compile(
    rb"[IWE]\d{4} \d\d:\d\d:[\d.]+ +\d+ [\w.]+:\d+\] "
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: [IWE] [\w./]+:\d+\] "
    rb"|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|To enable the following instructions: "
    rb"|\t ?\[\[\{\{node "
    rb"|\*{20,}\s*$|\[Compiling module |Very slow compile\?"
    rb"|The operation took [\d.]+s"
)

# Seconds to wait for the rest of a line; progress bars end none.
PATIENCE = 0.1


def silence_tensorflow() -> None:
    """Drops TensorFlow's notices from here on, to the end of the process."""
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        return
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if sys.stderr is None or not hasattr(os, "fork"):
        return
    sys.stderr.flush()
    shown = os.dup(2)
    source, target = os.pipe()
    if os.fork() == 0:
        _pass_on(source, shown)
    os.dup2(target, 2)
    os.close(target)
    os.close(source)
    # Who has led it elsewhere goes on to read it there.
    led_elsewhere = sys.stderr is not sys.__stderr__
    sys.__stderr__ = os.fdopen(
        shown,
        "w",
        buffering=1,
        encoding=sys.stderr.encoding,
        errors="backslashreplace",
    )
    if not led_elsewhere:
        sys.stderr = sys.__stderr__


def _pass_on(source: int, shown: int) -> None:
    """The other process: filters lines until all writers have gone."""
    try:
        # What ends the command, as Ctrl-C, must not end its last words.
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)
        os.dup2(source, 0)
        os.dup2(shown, 1)
        # Nobody shall wait for this process at another descriptor.
        os.closerange(2, os.sysconf("SC_OPEN_MAX"))
        for part in without_notices(_chunks(0)):
            while part:
                part = part[os.write(1, part) :]
    finally:
        os._exit(0)


def _chunks(source: int) -> Iterator[bytes]:
    """What can be read; b"" when nothing came for a while."""
    while True:
        while not select.select([source], [], [], PATIENCE)[0]:
            yield b""
            select.select([source], [], [])
        chunk = os.read(source, 65536)
        if not chunk:
            return
        yield chunk


def without_notices(chunks: Iterator[bytes]) -> Iterator[bytes]:
    r"""Drops TensorFlow's notices from a stream.

    Args:
        chunks: iterable of bytes, cut anywhere; b"" means that nothing more
            came for a while.

    Yields:
        bytes, as soon as they cannot become a notice: lines, or the
        beginning of one when nothing more comes.
    """
    rest, passes = b"", False  # whether this line's beginning was passed on
    for chunk in chunks:
        rest += chunk
        # A progress bar ends its states with "\r" alone.
        *lines, rest = re.split(rb"(?<=[\r\n])", rest)
        for line in lines:
            if passes or not NOTICE.match(line):
                yield line
            passes = False
        if rest and (passes or not chunk) and not NOTICE.match(rest):
            yield rest
            rest, passes = b"", True
    if rest and (passes or not NOTICE.match(rest)):
        yield rest
