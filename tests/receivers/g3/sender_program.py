"""A real `G3NetworkSender`, in a process of its own: one JSON command a line, one line back for each."""

from __future__ import annotations

import json
import sys

from spt3g import core


def build(command: dict) -> core.G3Frame:
    frame = core.G3Frame(getattr(core.G3FrameType, command["kind"]))
    for name, value in command["values"].items():
        frame[name] = value
    if command.get("size"):
        frame["samples"] = core.G3VectorDouble([0.5] * command["size"])
    return frame


def main() -> None:
    sender = core.G3NetworkSender("*", int(sys.argv[1]))
    print("ready", flush=True)
    for line in sys.stdin:
        for command in json.loads(line):
            sender.Process(build(command))
        print("sent", flush=True)
    sender.Close()


if __name__ == "__main__":
    main()
