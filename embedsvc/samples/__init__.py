"""Sample data of our own writing, shipped for the quick start."""
