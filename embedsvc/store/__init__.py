"""Saved models: their layouts, saving and loading."""
