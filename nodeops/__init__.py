"""Run the nodes of a consortium ledger: one document, Ansible roles that apply it, an agent that keeps it."""

__version__ = "0.1.0"
