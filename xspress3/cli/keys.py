"""`xspress3 keys`: make the keys of servers and readers, and see which there are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from xspress3.stream.keys import list_keys, make_keys

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = ["add_to", "run_list", "run_make"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("keys", help="make and list the keys with which readers are admitted")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    make = actions.add_parser("make", help="make a pair of keys; nothing is overwritten")
    make.add_argument("directory", type=Path, metavar="DIRECTORY", help="where to; made when it is not there")
    make.add_argument("name", metavar="NAME", help="of the server or the reader")
    make.set_defaults(run=run_make)
    listing = actions.add_parser("list", help="show the public keys in a directory")
    listing.add_argument("directory", type=Path, metavar="DIRECTORY")
    listing.set_defaults(run=run_list)


def run_make(arguments: argparse.Namespace) -> int:
    """Make a pair, and tell where its files belong."""
    public, secret = make_keys(arguments.directory, arguments.name)
    print(f"public key  {public}  (to the other side)")
    print(f"secret key  {secret}  (stays here, for its owner only)")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """Show each public key and its name."""
    for key in list_keys(arguments.directory):
        print(f"{key.public_key}  {key.name}{'  (with its secret key)' if key.has_secret else ''}")
    return 0
