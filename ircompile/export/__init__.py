"""Ready projects around the emitted C, and its self-test."""
