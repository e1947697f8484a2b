"""Numbers on vectors, whatever they came from."""
