"""The host's firewall: derived from the node document, loaded on trial, kept once it is proved to let the right ones in."""
