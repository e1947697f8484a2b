"""From items to vectors: every encoder has `.dim` and `.encode(items) -> (n, dim)`."""
