"""Routes of a modulation in words, as the command line has them."""

from ..errors import InvalidValue
from .board import Pedalboard


def modulated(plugins: list, routes: list[str]) -> list | Pedalboard:
    """Plugins as a board with routes, each in words or a file of several; as they are where there is none."""
    if not routes:
        return plugins
    board = Pedalboard(plugins)
    for text in routes:
        if text.endswith(".json"):
            board.modulation.load(text)
            continue
        source, *words = text.split(",")
        try:
            name, depth = words[0], float(words[1])
            times = [float(word) for word in words[3:5]]
        except (IndexError, ValueError):
            raise InvalidValue(f"--modulate {text!r}: write SOURCE,NAME,DEPTH, say lfo:0.5,z1,0.3") from None
        more = dict(zip(("attack_s", "release_s"), times, strict=False))
        board.modulation.add(source, name, depth, curve=words[2] if len(words) > 2 else "linear", **more)
    return board
