"""The models that ship with rtspec, found by name: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

from ..errors import ModelError

_PACKAGE = Path(__file__).resolve().parent.parent
FOLDERS = (_PACKAGE / "exports", _PACKAGE.parent / "exports")
"""Where shipped models lie: in the wheel, in a checkout."""

FILE = "model.onnx"


def models() -> dict[str, Path]:
    """Shipped models: the file of each by its name, in alphabetical order."""
    found = {path.parent.name: path for folder in FOLDERS for path in folder.glob(f"*/{FILE}")}
    return dict(sorted(found.items()))


def find(path_or_name: str | Path) -> Path:
    """The file of a model.

    Parameters
    ----------
    path_or_name : str or Path
        A file, or the name of a shipped model where there is no such file.

    Raises
    ------
    ModelError
        If there is no such file; the text lists the shipped models.
    """
    path = Path(path_or_name)
    shipped = models()
    if str(path_or_name) in shipped and not path.is_file():
        return shipped[str(path_or_name)]
    if not path.exists():
        raise ModelError(
            f'there is no model "{path_or_name}"; give a file, or one of: {", ".join(shipped) or "none shipped"}'
        )
    if not path.is_file():
        raise ModelError(f'"{path_or_name}" is a folder; give the .onnx file inside')
    return path
