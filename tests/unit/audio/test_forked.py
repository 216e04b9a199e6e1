"""A process that was forked from one that uses PortAudio: refused in a line, where it used to hang."""

import subprocess
import sys

CHILD = """
import os, numpy as np, rtspec
from rtspec.audio.devices import list_devices, portaudio
portaudio()
child = os.fork()
if child == 0:
    try:
        rtspec.AudioStream(plugins=[])
    except rtspec.errors.DeviceError as error:
        print(os.getppid(), error)
    print("default:", rtspec.AudioStream.default_output_device_name)
    sound = np.zeros((1, 4800), np.float32)
    with rtspec.AudioStream(plugins=[], source=sound, devices=rtspec.Devices(virtual=True)) as stream:
        print("virtual:", stream.wait(60), flush=True)
    raise SystemExit(0)
print("ended:", os.waitpid(child, 0)[1])
list_devices()
"""


def test_a_stream_in_a_forked_process_is_refused_with_what_to_do_and_the_virtual_one_plays():
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=100)
    refused, *rest = done.stdout.splitlines()
    parent = refused.split()[0]
    assert f"was forked from {parent}, which uses PortAudio already" in refused, done.stderr
    assert "multiprocessing's 'spawn'" in refused and "rtspec.Devices(virtual=True)" in refused
    assert rest == ["default: None", "virtual: True", "ended: 0"]
