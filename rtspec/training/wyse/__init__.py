"""The trained network of offline style transfer: the paper's classifier of sounds, of which the convolutions ship."""
