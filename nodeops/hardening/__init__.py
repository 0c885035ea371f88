"""Hardening of the operating system: controls are data, one engine audits, applies and undoes them."""
