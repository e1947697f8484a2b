"""One file an endpoint: what it takes, what it answers, and what it calls."""
