"""The model catalogue: what each model is, where its weights come from, and the local cache."""
