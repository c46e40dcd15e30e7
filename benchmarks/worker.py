"""A peer's own process: `python -m benchmarks.worker COMPARISON THREADS`, asked and answering in lines of JSON."""

import importlib
import json
import os
import sys

import numpy as np

from benchmarks.comparisons import BY_NAME
from benchmarks.timing import Here


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries that print must not be taken for answers

    def answer(**content: object) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    try:
        comparison = BY_NAME[sys.argv[1]]
        prepare = importlib.import_module(f"benchmarks.peers.{comparison.peer}").prepare
        timed = Here(prepare(comparison.build(), comparison.stage, int(sys.argv[2])))
        timed.seconds(1)
        answer(ready=True)
        for line in sys.stdin:
            question = json.loads(line)
            if "repeats" in question:
                answer(seconds=timed.seconds(question["repeats"]))
            else:
                np.savez(question["path"], **timed.results())
                answer(saved=True)
    except Exception as error:  # told to the driver, which reports it
        answer(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
