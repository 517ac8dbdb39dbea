"""Tests of standard error without TensorFlow's notices."""

import os
import pty
import subprocess
import sys

import pytest

from keras_igpt.cli.quiet import without_notices

NOTICE = b"I0000 00:00:1795664455.272495   11402 port.cc:153] oneDNN is on.\n"
OLDER = (
    b"2026-01-31 12:00:00.123456: W tensorflow/core/cpu_allocator_impl.cc:84] "
    b"Allocation exceeds 10% of free system memory.\n"
)
ERROR = b"E0000 00:00:1795664455.272495   11402 op.cc:1] No room is left.\n"


def passed(*chunks):
    return list(without_notices(chunks))


@pytest.mark.parametrize(
    "line",
    [
        NOTICE,
        OLDER,
        NOTICE.replace(b"I0000", b"W0000"),
        b"WARNING: All log messages before absl::InitializeLog() is called\n",
        b"To enable the following instructions: AVX2 FMA, rebuild.\n",
        b"E0000 00:00:17.5   2 cuda_dnn.cc:8] Unable to register cuDNN\n",
    ],
)
def test_notices_are_dropped(line):
    assert passed(b"before\n" + line + b"after\n") == [b"before\n", b"after\n"]


@pytest.mark.parametrize(
    "line",
    [
        ERROR,
        NOTICE.replace(b"I0000", b"F0000"),
        OLDER.replace(b": W ", b": E "),
        b"a.py:3: UserWarning: I0000 is a name\n",
        b"Illegal instruction\n",
        b"\n",
    ],
)
def test_other_lines_pass(line):
    assert passed(NOTICE + line) == [line]


def test_lines_may_be_cut_anywhere():
    text = b"one\n" + NOTICE + b"two\n" + ERROR
    cut = [text[i : i + 1] for i in range(len(text))]
    assert b"".join(passed(*cut)) == b"one\ntwo\n" + ERROR


def test_what_ends_no_line_passes_when_nothing_more_comes():
    stream = without_notices(iter([b"\r 1/2", b"", b" more", b" and more\n"]))
    assert next(stream) == b"\r" and next(stream) == b" 1/2"
    assert next(stream) == b" more"
    assert list(stream) == [b" and more\n"]


def test_a_notice_that_comes_in_parts_is_dropped():
    assert passed(NOTICE[:60], b"", NOTICE[60:], b"last") == [b"last"]


# === In a process ===

PROGRAM = """
import atexit, os, sys, threading, warnings
from keras_igpt.cli.quiet import silence_tensorflow
silence_tensorflow()
notice = {notice!r}
os.write(2, notice + b"from C\\n")
thread = threading.Thread(target=os.write, args=(2, notice + b"thread\\n"))
thread.start(); thread.join()
os.system("echo process >&2")
warnings.warn("a real one")
print("an error", file=sys.stderr)
print(sys.stderr.isatty())
atexit.register(os.write, 2, notice + b"at exit\\n")
"""


def run(program, **kwargs):
    return subprocess.run(
        [sys.executable, "-c", program.format(notice=NOTICE)],
        stdout=subprocess.PIPE,
        text=True,
        **kwargs,
    )


def test_lines_of_all_writers_pass():
    shown = run(PROGRAM, stderr=subprocess.PIPE).stderr
    for line in ("from C", "thread", "process", "an error", "at exit"):
        assert shown.count(line + "\n") == 1
    assert "UserWarning: a real one" in shown
    assert "port.cc" not in shown


def test_last_words_of_a_crash_pass():
    program = PROGRAM + "os.write(2, b'last words'); os.abort()"
    done = run(program, stderr=subprocess.PIPE)
    assert done.returncode < 0 and "last words" in done.stderr


def test_progress_bars_still_see_a_terminal():
    screen, terminal = pty.openpty()
    try:
        assert run(PROGRAM, stderr=terminal).stdout == "True\n"
    finally:
        os.close(terminal)
        os.close(screen)


def test_everything_is_shown_to_who_wants_it():
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "0"}
    shown = run(PROGRAM, stderr=subprocess.PIPE, env=env).stderr
    assert shown.count("port.cc") == 3


@pytest.mark.slow
def test_a_command_that_works_says_nothing(tiny_model, tmp_path):
    tiny_model.save(tmp_path / "a.keras")
    env = {**os.environ}
    # What the tests themselves ask of TensorFlow.
    env.pop("TF_CPP_MIN_LOG_LEVEL", None)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "keras_igpt.cli", "generate"),
            *("--model", "a.keras", "--n", "1"),
        ],
        capture_output=True,
        cwd=tmp_path,
        env=env,
    )
    assert done.returncode == 0 and b"Wrote generated.png" in done.stdout
    assert done.stderr == b""
