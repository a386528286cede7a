"""A process that does for a measurement what must not happen in its own: receive, above all.

The two speak in lines of JSON. A helper is asked for one function after the other, so that it is
started, and has imported all it needs, once for many rounds.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["Helper", "Tell"]

Tell = Callable[[Any], None]
"""Given to each function that a helper runs: says something to who asked, before the end."""

REPOSITORY = Path(__file__).resolve().parents[1]


class Helper:
    """Runs functions `f(tell, **arguments)` of our modules in a process of its own::

    with Helper() as helper:
        helper.start("benchmarks.soak:watch", endpoint=endpoint)
        assert helper.hear() == "joined"       # what it told with `tell`
        result = helper.hear()                 # what it returned, told last
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        self.pid = self._process.pid

    def start(self, function: str, **arguments: Any) -> None:
        """Let it begin with `function`, written `module:name`; arguments are plain values."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([function, arguments]) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """The next thing that the function told, or returned; waits for it.

        Raises
        ------
        RuntimeError
            When it failed, with its traceback; or when the process has ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a helper of the benchmarks ended with {self._process.wait()}")
        kind, value = json.loads(line)
        if kind == "error":
            raise RuntimeError(f"in a helper of the benchmarks: {value}")
        return value

    def close(self) -> None:
        """End the process, whatever it does; a second call does nothing."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def main() -> None:
    """Do what the lines of the standard input say, until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what anybody prints is no answer

    def say(kind: str, value: Any) -> None:
        answers.write(json.dumps([kind, value]) + "\n")
        answers.flush()

    for line in sys.stdin:
        function, arguments = json.loads(line)
        module, _, name = function.partition(":")
        try:
            called = getattr(importlib.import_module(module), name)
            say("told", called(lambda value: say("told", value), **arguments))
        except Exception:  # told to who asked, who raises it
            say("error", traceback.format_exc())


if __name__ == "__main__":
    main()
