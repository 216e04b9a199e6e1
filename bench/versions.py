"""All versions of a shipped model that this repository has held, through the same evaluation, in one table.

    python bench/versions.py bandwidth-live --data data/music --tracks 10 --seconds 8 --conditions mp3-32
    python bench/versions.py inversion-live --audio data/scenes/test --limit 20

What follows the model's name goes to ``rtspec evaluate``. A version is called by its day and commit; one that today's
host does not load is told and left out.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from rtspec.cli import main
from rtspec.errors import RtspecError
from rtspec.models import load

ROOT = Path(__file__).parents[1]
EVALUATIONS = {"bandwidth": ("enhancement", "--models", ","), "inversion": ("inversion", "--networks", None)}
"""Of a family of models: its evaluation, the option that names models, and what stands between them in one word."""


def versions(root: Path, name: str, folder: Path) -> list[Path]:
    """Every version of ``exports/NAME/model.onnx`` in the history of the repository at `root`, as files in `folder`;
    the newest first."""
    inside = f"exports/{name}/model.onnx"
    log = _git(root, "log", "--format=%h %cs", "--", inside).decode().split("\n")
    found = []
    for commit, day in (line.split() for line in log if line):
        path = folder / f"{day}-{commit}.onnx"
        path.write_bytes(_git(root, "show", f"{commit}:{inside}"))
        found.append(path)
    return found


def _git(root: Path, *words: str) -> bytes:
    return subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True).stdout


def _loads(path: Path) -> bool:
    try:
        load(path)
    except RtspecError as error:
        print(f"{path.stem} is left out: {error}", file=sys.stderr)
        return False
    return True


def run(name: str, arguments: list[str]) -> int:
    """Evaluate all versions; the command's exit status."""
    task, option, between = EVALUATIONS[name.partition("-")[0]]
    with tempfile.TemporaryDirectory() as folder:
        found = [str(path) for path in versions(ROOT, name, Path(folder)) if _loads(path)]
        named = [between.join(found)] if between else found
        return main(["evaluate", task, *arguments, option, *named])


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].partition("-")[0] not in EVALUATIONS:
        sys.exit(__doc__)
    sys.exit(run(sys.argv[1], sys.argv[2:]))
