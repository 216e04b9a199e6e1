"""What moves the sound: parameters and how compiled stages follow them."""

from .parameters import Parameter, ParameterSpec, ParameterTable

__all__ = ["Parameter", "ParameterSpec", "ParameterTable"]
