"""Networks in pure Keras: they read no file and print nothing."""
