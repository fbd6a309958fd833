"""From a trained float network and a folder of samples to a quantized file, and what that costs in accuracy."""
