"""Classifiers of texts: labels, weights, training, and the estimator."""
