"""Pictures before a network: decoding, resizing, batches, look-alikes, tiles, HOG."""
