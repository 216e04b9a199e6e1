"""The parser of all commands: whatever is wrong is said in one line."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from .failures import error_object

BAD_USAGE = 2


class Parser(argparse.ArgumentParser):
    """argparse's, without the whole usage before each error."""

    _words: Sequence[str] = ()

    def parse_known_args(self, args=None, namespace=None):
        """argparse's; it notes whether JSON is asked for."""
        self._words = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """One line on stderr; with --json an object on stdout too."""
        if "--json" in self._words:
            print(error_object(BAD_USAGE, "UsageError", " ".join(message.split())), flush=True)
        self.exit(BAD_USAGE, f"{self.prog}: {' '.join(message.split())}; {self.prog} --help explains\n")
