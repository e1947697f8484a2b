"""From inputs to results on the disk: sources, batches, vectors, sinks."""
