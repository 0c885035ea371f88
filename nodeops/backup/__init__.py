"""Small irreplaceable state of a node, copied to a repository that restic encrypts, and proved to be readable there."""
