"""How good a detector is, and where its threshold lies: figures, intervals, splits."""
