"""StyleTransfer: live sound in the texture of another."""
