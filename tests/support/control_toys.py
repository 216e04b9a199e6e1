"""Processors of parameters alone: control needs no sound."""

from rtspec.control.controlled import Controlled
from rtspec.control.parameters import ParameterSpec, ParameterTable


class TimbreToy(Controlled):
    def __init__(self):
        self.parameters = ParameterTable(
            [
                ParameterSpec("morph", "", 0.0, 1.0, 0.25),
                ParameterSpec("cutoff_hz", "Hz", 20.0, 20000.0, 1000.0, curve="log", cc=21),
                ParameterSpec("latent_1", "", -3.0, 3.0, 0.0),
                ParameterSpec("freeze", "", 0.0, 1.0, 0.0),
                ParameterSpec("mix", "", 0.0, 1.0, 1.0),
                ParameterSpec("output_db", "dB", -60.0, 24.0, 0.0),
            ]
        )


class MixToyProcessor(Controlled):
    def __init__(self):
        self.parameters = ParameterTable(
            [ParameterSpec("mix", "", 0.0, 1.0, 1.0), ParameterSpec("output_db", "dB", -60.0, 24.0, 0.0)]
        )


class Native:
    """A plugin without parameters of ours."""


def chain():
    return [TimbreToy(), Native(), MixToyProcessor()]


def values(target):
    from rtspec.control.directory import Directory

    return {address: parameter.value for address, parameter in Directory(target).items()}


def in_range(target):
    from rtspec.control.directory import Directory

    return all(p.spec.minimum <= p.value <= p.spec.maximum for p in Directory(target).values())
