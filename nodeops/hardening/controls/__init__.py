"""The controls: data, and what their settings may be."""
