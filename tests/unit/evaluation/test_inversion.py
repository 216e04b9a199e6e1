"""``rtspec evaluate inversion``: what is heard of rebuilt magnitudes, beside the pseudo-inverse."""

import json

import numpy as np
import pytest

from rtspec.audio.files import write
from rtspec.cli import main
from rtspec.evaluation import inversion


def scene() -> np.ndarray:
    """Two strikes of noise in a hush."""
    t = np.arange(2 * inversion.SAMPLE_RATE) / inversion.SAMPLE_RATE
    fade = np.exp(-20 * (t % 1 - 0.5)) * (t % 1 > 0.5)
    return ((0.3 * fade + 1e-4) * np.random.default_rng(0).standard_normal(len(t))).astype(np.float32)


def test_what_is_heard_is_judged_after_each_way_to_phases(monkeypatch):
    monkeypatch.setattr(inversion, "visqol", lambda *sounds: 4.0)
    monkeypatch.setattr(inversion, "GRIFFIN_LIM_ITERATIONS", 2)
    perfect = inversion.Inverter("perfect", inversion.PAPER_PLAN, lambda filters, powers: powers)
    monkeypatch.setattr(inversion.Inverter, "magnitudes", lambda each, spectrum: np.abs(spectrum) ** POWER[each.name])
    rows = inversion.measured(scene(), [inversion.baseline("pinv", inversion.PAPER_PLAN), perfect])
    guessed, kept = rows
    for way in ("live", "best"):
        assert kept[f"lsd_heard_{way}"] < 0.8 * guessed[f"lsd_heard_{way}"]
        assert kept[f"modulation_db_{way}"] < guessed[f"modulation_db_{way}"]
        assert abs(kept[f"onset_blur_db_{way}"]) < abs(guessed[f"onset_blur_db_{way}"])


POWER = {"pinv": 0.5, "perfect": 1.0}
"""Of the magnitudes: a root makes strikes dull."""


def test_the_table_has_the_heard_distance_beside_the_pseudo_inverse():
    common = {"scene": "a", "label": None, "n_fft": 1024, "hop": 512, "rmse": 1.0, "of_pinv": 1.0}
    rows = [
        {**common, "of_pinv_in_bands": 1.0, "method": method, "lsd_heard_best": distance, "onset_blur_db_best": None}
        for method, distance in (("pinv", 2.0), ("live", 1.5), ("pinv", 4.0), ("live", 3.0))
    ]
    table = {line["method"]: line for line in inversion.overall(rows)}
    assert table["live"]["heard best of pinv"] == pytest.approx(0.75)
    assert table["live"]["lsd heard best"] == "2.25 ± 0.75" and table["live"]["onset blur db best"] == "-"


def test_worker_processes_and_shards_give_the_table_of_one_process(tmp_path, capsys):
    (tmp_path / "scenes").mkdir()
    for k in range(2):
        write(tmp_path / "scenes" / f"{k}.wav", np.roll(scene(), 4000 * k)[np.newaxis], inversion.SAMPLE_RATE)
    command = ["evaluate", "inversion", "--audio", str(tmp_path / "scenes"), "--networks", "--quick", "--json"]
    assert main(command) == 0
    alone = json.loads(capsys.readouterr().out)
    for shard, told in (("2/2", "1 of 2 are measured"), ("1/2", "")):
        assert main([*command, "--shard", shard, "--out", str(tmp_path / "out")]) == 0
        heard = capsys.readouterr()
        assert told in heard.err
    assert json.loads(heard.out) == alone and alone["scenes"] == 2
