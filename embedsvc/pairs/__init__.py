"""Matching points in pairs of images: descriptors learned from them, and found by them."""
