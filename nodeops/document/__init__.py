"""The consortium file, what one organisation chooses, and the node document resolved from both. Pure, save for reading files."""
