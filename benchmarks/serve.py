"""The worker's side of a measurement: one process, one system, one case.

The case comes as JSON in the first argument. Then one request per line on
stdin, `{"seed": 3, "tokens": 256}`, is answered by one line on stdout,
`{"seconds": 1.7, "peak_bytes": …}`. Standard library only: workers run in
the peers' environments.
"""

import json
import os
import resource
import sys
import time
import traceback


def serve(prepare):
    """Builds what is to be measured, then runs it once per request.

    Args:
        prepare: function from the case, a dict, to `(run, facts)`. `run`
            takes a request and may return a dict to go into the answer;
            `facts` is a dict, told once.
    """
    # Whatever a library prints goes to stderr: stdout is for answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(fields):
        answers.write(json.dumps(fields) + "\n")

    try:
        run, facts = prepare(json.loads(sys.argv[1]))
        answer(facts)
        for line in sys.stdin:
            answer(_timed(run, json.loads(line)))
    except Exception as error:
        traceback.print_exc()
        text = str(error).strip().splitlines() or [""]
        answer({"error": f"{type(error).__name__}: {text[0]}"})


def num_cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _timed(run, request):
    begin = time.perf_counter()
    fields = run(request) or {}
    fields["seconds"] = time.perf_counter() - begin
    usage = resource.getrusage(resource.RUSAGE_SELF)
    fields["peak_bytes"] = usage.ru_maxrss * 1024
    return fields
