"""The panel: one page in a browser that shows a live stream and moves all of it.

The way of a picture: the callback puts sound into rings of the panel's own (`pictures`), Python makes band spectra of
it, and each client gets the latest one (`clients`) through one websocket (`server`). The way of a touch: the page
(`page`) sends a message, `gate` has let it in, `messages` checks it, `verbs` acts on the stream through the same
parameter tables as MIDI and OSC, and `state` tells all clients what is now another.
"""

from .panel import Panel, PanelSettings

__all__ = ["Panel", "PanelSettings"]
