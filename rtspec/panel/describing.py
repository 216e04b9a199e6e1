"""What the page is told of cards: parameters by the parameter table, and the parts of a card by what its plugin is."""

from collections import Counter
from typing import Any

import numpy as np

from ..control.controlled import Controlled, controlled, table_of
from ..control.directory import processor_name
from ..control.parameters import Parameter
from .rack import Card

_DECIMALS = 3


def described(card: Card) -> dict[str, Any]:
    """A card, as the page builds it."""
    labels = {f"{at}/{k}": v for at, p in card.inner if isinstance(p, Controlled) for k, v in p.mixture.items()}
    owners = _owners(card)
    return {
        "name": card.name,
        "title": card.title,
        "label": _label(card),
        "bypassed": card.is_bypassed,
        "instrument": card.is_instrument,
        "parameters": [
            {**_parameter(address, p, labels), "of": owners.get(address, "")} for address, p in card.parameters.items()
        ],
        "parts": [part for place, plugin in card.inner for part in _parts(place, plugin)],
    }


def _label(card: Card) -> str:
    """What stands on the card: the model's name where it plays any."""
    ours = controlled([plugin for _, plugin in card.inner])
    manifest = ours[0].manifest if len(ours) == len(card.inner) == 1 else None
    return card.title if manifest is None else str(manifest.name or card.title)


def _owners(card: Card) -> dict[str, str]:
    """Whose a parameter is, by address, where several plugins of a card have one of its name: "chorus", "gain 2"."""
    names = [processor_name(plugin) for _, plugin in card.inner]
    numbers = [f" {names[: i + 1].count(name)}" if names.count(name) > 1 else "" for i, name in enumerate(names)]
    plugins = {place: name + number for (place, _), name, number in zip(card.inner, names, numbers, strict=True)}
    often = Counter(parameter.spec.name for parameter in card.parameters.values())
    return {
        address: plugins[address.rpartition("/")[0]].replace("-", " ")
        for address, parameter in card.parameters.items()
        if often[parameter.spec.name] > 1
    }


def _parameter(address: str, parameter: Parameter, labels: dict[str, str]) -> dict[str, Any]:
    spec = parameter.spec
    return {
        "address": address,
        "name": spec.name,
        "label": labels.get(address, ""),
        "unit": spec.unit,
        "minimum": spec.minimum,
        "maximum": spec.maximum,
        "default": spec.default,
        "curve": spec.curve,
        "text": spec.description,
        "role": spec.role,
        "setup": spec.setup,
        "choices": list(spec.choices),
    }


def _parts(place: str, plugin: Any) -> list[dict[str, Any]]:
    """What a card has besides knobs."""
    makers = (_latent_part, _mixture_part, _equalizer_part, _readings_part)
    return [part for part in (maker(place, plugin) for maker in makers) if part is not None]


def _latent_part(place: str, plugin: Any) -> dict[str, Any] | None:
    """The map of a timbre's latent space: its anchors, and the plane in which they differ most."""
    latents = plugin.latent_map if isinstance(plugin, Controlled) else None
    if latents is None or len(plugin.latent_names) < 2 or not latents.anchors:
        return None
    names = plugin.latent_names
    anchors = {name: _rounded(np.array(at)[: len(names)]) for name, at in latents.anchors.items()}
    mean, axes = principal(np.array(list(anchors.values()), float))
    return {
        "kind": "latent-map",
        "addresses": [f"{place}/{name}" for name in names],
        "anchors": anchors,
        "others": [_rounded(np.array(at)[: len(names)], 2) for at in latents.instruments.values()],
        "mean": _rounded(mean),
        "axes": [_rounded(axis, 5) for axis in axes],
    }


def principal(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and the two orthonormal axes in which places differ most: float64 (n,) and (2, n)."""
    mean = places.mean(axis=0)
    _, _, axes = np.linalg.svd(places - mean, full_matrices=True)
    return mean, axes[:2]


def _mixture_part(place: str, plugin: Any) -> dict[str, Any] | None:
    """Shares of a mixture, as a place among its parts; with pads where notes choose one."""
    mixture = plugin.mixture if isinstance(plugin, Controlled) else {}
    if len(mixture) < 3:
        return None
    addresses = [f"{place}/{name}" for name in mixture]
    pads = plugin.accepts_midi and not plugin.is_instrument
    return {"kind": "mixture", "addresses": addresses, "labels": list(mixture.values()), "pads": pads}


def _equalizer_part(place: str, plugin: Any) -> dict[str, Any] | None:
    """Gains of bands in a row, drawn as one curve."""
    names = [name for name in table_of(plugin) or () if name.startswith("gain_") and name.endswith("_hz")]
    found = {"kind": "eq-curve", "place": place, "addresses": [f"{place}/{name}" for name in names]}
    return found if len(names) > 3 else None


def _readings_part(place: str, plugin: Any) -> dict[str, Any] | None:
    """What a plugin measures while it plays."""
    return {"kind": "readings", "place": place} if readings_of(plugin) else None


def readings_of(plugin: Any) -> dict[str, float | str]:
    """Words and numbers that a plugin tells of what it hears now, by name; none where it tells nothing."""
    return {**plugin.words(), **plugin.readings()} if isinstance(plugin, Controlled) else {}


def _rounded(values: Any, decimals: int = _DECIMALS) -> list[float]:
    return [round(float(value), decimals) for value in values]
