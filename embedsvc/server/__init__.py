"""The HTTP service: models kept warm, requests batched together, and a page to try them on."""
