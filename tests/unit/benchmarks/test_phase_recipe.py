import numpy as np
import pytest

from rtspec.audio import files
from rtspec.benchmarks import phase_recipe
from rtspec.errors import AudioFileError
from rtspec.training.data.sound_fonts import Note


def test_an_excerpt_is_mono_at_the_clips_rate_and_begins_where_it_should(tmp_path):
    t = np.arange(3 * 44100) / 44100
    files.write(tmp_path / "x.wav", np.stack([t > 1, t > 1]).astype(np.float32) / 2, 44100)
    cut = phase_recipe.excerpt(tmp_path / "x.wav", 0.5, 1.0)
    assert cut.shape == (44100,) and cut.dtype == np.float32
    assert not cut[:22000].any() and (cut[22100:] > 0.4).all()


@pytest.mark.parametrize("name", phase_recipe.SCORES)
def test_scores_hold_playable_notes_that_fill_the_clip(name):
    notes = phase_recipe.SCORES[name]()
    assert all(0 <= start < end and 0 <= note.program <= 128 and 21 <= note.key <= 108 for start, end, note in notes)
    assert max(end for _, end, _ in notes) >= phase_recipe.SECONDS


class Tone:
    """A sound font whose every note is 1."""

    sample_rate = 1000

    def render(self, note, held_s, release_s):
        return np.ones(round(1000 * (held_s + release_s)), np.float32)


def test_notes_sound_together_from_their_start_to_the_end_of_their_release():
    score = [(0.0, 1.0, Note(0, 60, 80)), (1.0, 2.0, Note(0, 64, 80)), (99.0, 100.0, Note(0, 64, 80))]
    sound = phase_recipe.play(score, Tone(), 4.0)  # type: ignore[arg-type]
    assert len(sound) == 4000
    assert set(sound[:1000]) == {0.25} and set(sound[1000:1500]) == {0.5} and not sound[2500:].any()


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(AudioFileError, match=r"does not hold ru_0001\.wav; its package has changed"):
        phase_recipe.find(tmp_path, "ru_0001.wav")
