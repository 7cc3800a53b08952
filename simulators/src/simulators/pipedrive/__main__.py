"""``python -m simulators.pipedrive --port 9300``; ``--help`` tells the options, ``options.py`` what they mean."""

import argparse
from dataclasses import fields
from pathlib import Path

import uvloop

from simulators.kit.serving import serve
from simulators.pipedrive.app import running
from simulators.pipedrive.options import PLANS, Options

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Pipedrive, simulated.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9300)
    for field in fields(Options):
        name = "--" + field.name.replace("_", "-")
        if field.type in (bool, "bool"):
            parser.add_argument(name, action=argparse.BooleanOptionalAction, default=field.default)
        elif field.name == "plan":
            parser.add_argument(name, choices=sorted(PLANS), default=field.default)
        else:
            kind = str if field.default is None else type(field.default)
            parser.add_argument(name, type=kind, default=field.default)
    parser.add_argument("--memory", type=Path, metavar="FILE", help="keep the company there, and go on with it")
    chosen = vars(parser.parse_args())
    place = {name: chosen.pop(name) for name in ("host", "port", "memory")}
    uvloop.run(serve("Pipedrive", running(Options(**chosen), **place)))
