"""The parser of all commands: whatever is wrong is said in one line."""

import argparse
from typing import NoReturn

BAD_USAGE = 2


class Parser(argparse.ArgumentParser):
    """argparse's, without the whole usage before each error."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_USAGE, f"{self.prog}: {' '.join(message.split())}; {self.prog} --help explains\n")
