"""rtspec: a streaming real-time host for spectral neural audio."""
