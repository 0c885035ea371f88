"""Copy sealed segments to another place before they may go."""
