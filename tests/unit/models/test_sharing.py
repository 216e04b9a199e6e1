"""A model is in memory once, whoever plays it: by its content, from any thread, until its last user goes."""

import copy
import gc
import pickle
import shutil
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from small_models import SUM_STATE, packaged, summing

import rtspec
from rtspec.models.catalogue import find
from rtspec.models.packages import load
from rtspec.models.session import model_stage

TEN = """
import gc
import numpy as np
import rtspec

def resident_mb():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024

sound = np.zeros((2, 44100), np.float32)
first = rtspec.BandwidthExtension()
first(sound, 44100)
gc.collect()
before = resident_mb()
more = [rtspec.BandwidthExtension() for _ in range(9)]
for one in more:
    one(sound, 44100)
gc.collect()
print(resident_mb() - before)
"""


def test_ten_bandwidth_extensions_take_at_most_40_mb_beyond_the_first():
    done = subprocess.run([sys.executable, "-c", TEN], capture_output=True, text=True, timeout=300, check=True)
    assert float(done.stdout) <= 40


def test_a_file_loaded_twice_and_a_pickle_are_the_same_model():
    model = load("tilt-gate")
    assert load("tilt-gate") is model
    assert pickle.loads(pickle.dumps(model)) is model
    assert copy.deepcopy(model) is model


def test_equal_content_at_two_places_shares_its_session(tmp_path):
    shutil.copy(find("tilt-gate"), tmp_path / "copy.onnx")
    one, other = load("tilt-gate"), load(tmp_path / "copy.onnx")
    assert other.path == tmp_path / "copy.onnx"
    stages = model_stage(one, 9), model_stage(other, 9)
    assert stages[0].record["session"][0] == stages[1].record["session"][0]


def test_a_file_that_changes_is_another_model(tmp_path):
    path = tmp_path / "m.onnx"
    shutil.copy(find("tilt-gate"), path)
    first = load(path)
    shutil.copy(find("identity"), path)
    assert (first.manifest.name, load(path).manifest.name) == ("tilt-gate", "identity")


@pytest.mark.parametrize("session_path", ["c-api", "binding"])
def test_model_and_session_go_with_their_last_user(tmp_path, session_path):
    model = packaged(tmp_path, summing(), n_fft=16, states=[SUM_STATE])
    stage = model_stage(model, session_path=session_path)
    gone = [weakref.ref(model), weakref.ref(next(iter(model.sessions.values())))]
    del model
    gc.collect()
    assert all(ref() is not None for ref in gone)
    del stage
    gc.collect()
    assert all(ref() is None for ref in gone)


def test_many_threads_make_one_session_and_each_has_states_of_its_own(tmp_path):
    x = np.ones((3, 9), np.float32)
    path = packaged(tmp_path, summing(), n_fft=16, states=[SUM_STATE]).path or ""

    def played(_):
        model = load(path)
        stage, y = model_stage(model), np.zeros_like(x)
        stage.run(x, len(x), y)
        return model, stage, y

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(played, range(32)))
    assert len({id(model) for model, _, _ in made}) == 1
    assert len({int(stage.record["session"][0]) for _, stage, _ in made}) == 1
    assert all(np.array_equal(y, made[0][2]) for _, _, y in made)


def test_copies_of_a_processor_share_weights_and_nothing_else():
    one = rtspec.BandwidthExtension()
    other = pickle.loads(pickle.dumps(one))
    assert other._model is one._model
    other.amount = 0.5
    assert one.amount == 1.0
