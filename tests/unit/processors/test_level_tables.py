"""Tables of levels: every format gives the same frames; what is wrong is mended or refused in one line."""

import json

import numpy as np
import pytest

from rtspec.frames import FramePlan
from rtspec.frames.bands import band_filters
from rtspec.frames.levels import SILENCE_DB
from rtspec.processors.inversion.level_tables import LevelError, centre_of, powers_for, read_levels

FILTERS = band_filters("third-octave", FramePlan(16000, 1024, 256))
CENTRES = FILTERS.centres_hz
LEVELS = np.random.default_rng(0).uniform(30, 80, (12, len(CENTRES))).round(2).astype(np.float32)


def _csv(path, rows, times=None, header=True):
    head = ([*(["time"] if times is not None else []), *(f"L_{c:.4g}Hz" for c in CENTRES)],) if header else ()
    body = [[*([times[i]] if times is not None else []), *row] for i, row in enumerate(rows)]
    path.write_text("\n".join(",".join(map(str, row)) for row in [*head, *body]) + "\n")
    return path


def test_csv_json_and_numpy_give_the_same_frames(tmp_path):
    _csv(tmp_path / "a.csv", LEVELS, times=np.arange(12) * 0.125)
    records = [
        {"time": i * 0.125, "levels": row.tolist(), "centres_hz": CENTRES.tolist()} for i, row in enumerate(LEVELS)
    ]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, records)))
    np.save(tmp_path / "c.npy", LEVELS)
    np.savez(tmp_path / "d.npz", levels_db=LEVELS, centres_hz=CENTRES, period_s=0.125)
    for name in ("a.csv", "b.jsonl", "c.npy", "d.npz"):
        frames = read_levels(tmp_path / name)
        np.testing.assert_allclose(frames.levels_db, LEVELS, atol=1e-3)
        assert frames.period_s == pytest.approx(0.125)
        np.testing.assert_allclose(frames.powers(FILTERS), powers_for(LEVELS, CENTRES, FILTERS), rtol=1e-3)


def test_rows_out_of_order_twice_or_missing_are_mended_and_counted(tmp_path):
    times, rows = [0.0, 0.25, 0.125, 0.125, 0.5], [0, 2, 1, 1, 4]
    frames = read_levels(_csv(tmp_path / "a.csv", LEVELS[rows], times), 0.125)
    np.testing.assert_allclose(frames.levels_db[[0, 1, 2, 4]], LEVELS[[0, 1, 2, 4]], atol=1e-3)
    np.testing.assert_allclose(frames.levels_db[3], (LEVELS[2] + LEVELS[4]) / 2, atol=1e-3)
    assert {k: frames.repairs[k] for k in ("duplicates", "out_of_order", "gaps")} == {
        "duplicates": 1,
        "out_of_order": 1,
        "gaps": 1,
    }


def test_long_gaps_are_silent(tmp_path):
    frames = read_levels(_csv(tmp_path / "a.csv", LEVELS[:4], [0.0, 0.125, 8.0, 8.125]))
    assert (frames.levels_db[30] == SILENCE_DB).all()
    np.testing.assert_allclose(frames.levels_db[[0, 1, -2, -1]], LEVELS[:4], atol=1e-3)


def test_nan_holds_the_last_level_and_infinities_are_silence_or_full_scale():
    levels = np.array([[50.0, 60.0], [np.nan, -np.inf], [np.inf, 60.0]])
    from rtspec.processors.inversion.level_tables import cleaned

    mended, counts = cleaned(levels)
    assert mended[1].tolist() == [50.0, SILENCE_DB]
    assert counts == {"nan": 1, "infinite": 2}
    powers = powers_for(mended, CENTRES[10:12], FILTERS)
    assert np.isfinite(powers).all()
    assert powers[2].max() <= powers_for(np.full((1, 2), 100.0), CENTRES[10:12], FILTERS).max()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no row of levels"),
        ("20,25\n1,2\n1,2,3\n", r":3 has 3 columns, the first row has 2; mend or remove it"),
        ("20,25\n1,two\n", r":2: 'two' is no number; write levels in dB"),
        ("low,high\n1,2\n", "the header must name bands by their centres in Hz"),
        ("time,20\n0,1\n0.00001,1\n", "rows are 1e-05 s apart"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(LevelError, match=message) as caught:
        read_levels(path)
    assert "\n" not in str(caught.value)


def test_other_bad_files_are_refused_in_one_line(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"levels": [1, 2]}\n{"levels": [1]}\n')
    (tmp_path / "b.jsonl").write_text("{")
    (tmp_path / "c.npy").write_bytes(b"nothing")
    np.save(tmp_path / "d.npy", np.zeros(3))
    for name, message in {
        "a.jsonl": ":2 has 1 levels, the first has 2",
        "b.jsonl": ":1 is no record of levels",
        "c.npy": "holds no array levels_db",
        "d.npy": r"of shape \(3,\) must be \(n_frames, n_bands\)",
        "missing.csv": "cannot read .*: No such file",
        "e.txt": "the name must end in one of",
    }.items():
        with pytest.raises(LevelError, match=message):
            read_levels(tmp_path / name)


def test_bands_that_are_none_of_the_filters_are_refused():
    with pytest.raises(LevelError, match=r"the sensor's bands 30000, 40000 Hz are none of third-octave at 16000 Hz"):
        powers_for(np.zeros((1, 2)), np.array([30000.0, 40000.0]), FILTERS)


def test_names_of_columns_tell_frequencies():
    names = ["31.5", "1k", "L_1000Hz", "lzeq_12.5kHz", "LAeq 8000 Hz", "level"]
    assert [centre_of(name) for name in names] == [31.5, 1000, 1000, 12500, 8000, None]
