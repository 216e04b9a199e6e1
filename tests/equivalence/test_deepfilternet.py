"""DeepFilterNet's three files become one package, which plays as the authors' pipeline does."""

import tarfile

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import deepfilter  # noqa: E402
from adopting import right  # noqa: E402

import rtspec  # noqa: E402
from rtspec.cli import main  # noqa: E402
from rtspec.models.compose.deepfilter import DeepFilterSettings, erb_widths, settings_of  # noqa: E402


def sound(seconds: float = 2.0) -> np.ndarray:
    rng = np.random.default_rng(3)
    t = np.arange(int(seconds * deepfilter.RATE)) / deepfilter.RATE
    tone = 0.2 * np.sin(2 * np.pi * 220 * t) * (np.sin(2 * np.pi * 3 * t) > 0)
    return (tone + 0.05 * rng.standard_normal(t.size)).astype(np.float32)


def snr_db(wanted: np.ndarray, given: np.ndarray) -> float:
    error = float(np.sum((wanted.astype(np.float64) - given) ** 2))
    return 10 * float(np.log10(np.sum(wanted.astype(np.float64) ** 2) / error))


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deepfilternet")
    parts = deepfilter.write(folder)
    with tarfile.open(folder / "export.tar.gz", "w:gz") as archive:
        for name in parts:
            archive.add(folder / f"{name}.onnx", f"tmp/export/{name}.onnx")
    path = folder / "whole.onnx"
    assert main(["adopt", str(folder / "export.tar.gz"), str(path), "--unheard", "--json"]) == 0
    return path, parts


def test_the_three_files_of_an_archive_play_as_the_authors_pipeline(package):
    path, parts = package
    processor, x = rtspec.OnnxProcessor(path), sound()
    assert processor.latency(deepfilter.RATE) == {"window": 960, "model": 960, "phase": 0}
    wanted, given = deepfilter.enhanced(parts, x), processor(x, deepfilter.RATE)
    assert snr_db(x, wanted) < 20  # the pipeline does something
    assert snr_db(wanted, given) >= 100


def test_the_package_is_valid_and_waits_for_two_frames(package):
    assert right(package[0])
    manifest = rtspec.OnnxProcessor(package[0]).manifest
    assert manifest.look_ahead_frames == manifest.delay_frames == 2 and manifest.window == "vorbis"


def test_bands_are_those_of_the_published_configuration():
    widths = erb_widths(DeepFilterSettings())
    assert np.cumsum(widths).tolist() == deepfilter.band_edges()[1:]
    assert DeepFilterSettings().forgetting == 0.99


def test_the_configuration_beside_the_files_is_read(tmp_path):
    (tmp_path / "config.ini").write_text("[df]\nhop_size = 240\nfft_size = 480\n[deepfilternet]\nconv_lookahead = 0\n")
    settings = settings_of(tmp_path / "config.ini")
    assert (settings.hop, settings.n_fft, settings.mask_look_ahead, settings.order) == (240, 480, 0, 5)


def test_a_folder_of_other_files_is_refused_with_what_is_known(tmp_path, capsys):
    assert main(["adopt", str(tmp_path)]) == 1
    assert "deepfilternet: enc.onnx, erb_dec.onnx, df_dec.onnx" in capsys.readouterr().err
