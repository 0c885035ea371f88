"""The catalogue of metrics, and what a collector is: every capability has a `metrics.py` that fills it."""
