"""The live network of style transfer: one for all styles, judged by random networks that are always new."""
