"""Text before and around a network: tokens and length buckets."""
