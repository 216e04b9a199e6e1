"""Models that are published as several files, or that need more around them than frames: made one network first."""

import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ...errors import ModelError
from ..compose.deepfilter import deep_filter_net, settings_of
from ..compose.dtln import dtln
from ..proto import read_proto, take_weights
from ..streaming import make_streaming
from .recipes import Recipe, recipe, recipes

if TYPE_CHECKING:
    from onnx import ModelProto

Made = tuple["ModelProto", dict[str, Any]]
LARGEST_BYTES = 1 << 29


def _deepfilternet(parts: Mapping[str, "ModelProto"], folder: Path) -> Made:
    settings = settings_of(folder / "config.ini")
    scale = {"input.scale": 1 / settings.n_fft, "output.scale": 1 / settings.n_fft}
    fields = {"sample_rate": settings.sample_rate, "n_fft": settings.n_fft, "hop": settings.hop, **scale}
    return make_streaming(deep_filter_net(parts, settings), {"spectrum": 2}), fields


def _dtln(parts: Mapping[str, "ModelProto"], _folder: Path) -> Made:
    return dtln(parts["model_1"], parts["model_2"]), {}


MAKERS: dict[str, Callable[[Mapping[str, "ModelProto"], Path], Made]] = {
    "deepfilternet": _deepfilternet,
    "dtln": _dtln,
}


def assembled(file: Path, like: str | None) -> tuple["ModelProto", Recipe | None, dict[str, Any]]:
    """The network in a file, in a folder of files or in an archive of them.

    Parameters
    ----------
    file : Path
        An ONNX file, one of several that belong together, their folder, or a tar file with them.
    like : str or None
        Name of a recipe.

    Returns
    -------
    network, recipe, fields
        The one network; the recipe that put it together, None for a file that stands alone; what else is known.

    Raises
    ------
    ModelError
        If the folder or archive holds no model that a recipe knows.
    """
    with _folder_of(file) as folder:
        found = _known(folder, like) if folder is not None else None
        alone = file.is_file() and not tarfile.is_tarfile(file)
        if found is None and like is not None:
            _refuse_missing(recipe(like), folder)
        if found is None or (alone and file.name not in found.files):
            if alone or not file.exists():
                return _read(file), None, {}
            raise ModelError(_unknown(file))
        parts = {Path(name).stem: _read(existing) for name in found.files for existing in [_find(folder, name)]}
        proto, fields = MAKERS[found.name](parts, _find(folder, found.files[0]).parent)
    return proto, found, fields


def _read(file: Path) -> "ModelProto":
    """A file with its weights, wherever it keeps them."""
    proto = read_proto(file)
    take_weights(proto, file)
    return proto


def _refuse_missing(wanted: Recipe, folder: Path | None) -> None:
    missing = [name for name in wanted.files if not _find(folder, name).is_file()]
    if missing and len(missing) < len(wanted.files):
        raise ModelError(
            f"{wanted.title}: {', '.join(wanted.files)} belong together, and {', '.join(missing)} "
            f'is not in "{folder}"; put it there'
        )


def _unknown(file: Path) -> str:
    known = "; ".join(f"{each.name}: {', '.join(each.files)}" for each in recipes().values() if each.files)
    return f'"{file}" holds no files of a model that is known ({known}); give one ONNX file, or a folder with these'


@contextmanager
def _folder_of(file: Path) -> Iterator[Path | None]:
    """The folder in which the parts lie: an archive's is a temporary one."""
    if file.is_dir() or not file.is_file() or not tarfile.is_tarfile(file):
        yield file if file.is_dir() else file.parent
        return
    with TemporaryDirectory() as folder:
        with tarfile.open(file) as archive:
            _unpack(archive, Path(folder))
        yield Path(folder)


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """The files of an archive, without its folders."""
    members = [member for member in archive.getmembers() if member.isfile()]
    if sum(member.size for member in members) > LARGEST_BYTES:
        raise ModelError(f"the archive holds more than {LARGEST_BYTES >> 20} MiB; is it a model?")
    for member in members:
        member.name = Path(member.name).name
        archive.extract(member, folder, filter="data")


def _known(folder: Path, like: str | None) -> Recipe | None:
    """The recipe all of whose files lie in the folder."""
    wanted = [recipe(like)] if like else list(recipes().values())
    found = [each for each in wanted if each.files and all((folder / name).is_file() for name in each.files)]
    return found[0] if len(found) == 1 else None


def _find(folder: Path | None, name: str) -> Path:
    return Path(folder or ".") / name
