"""Whole commands without a terminal: each reads, computes, saves and draws."""
