"""Vectors with their ids and columns as files hold them, and what is said of them."""
