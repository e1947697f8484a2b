"""Collections that grow: rows, texts and vectors in LanceDB, added, searched and removed."""
