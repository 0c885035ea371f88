"""A node that goes on under its name: on another host, or with another key."""
