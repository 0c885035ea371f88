"""What the guard decides: stages, retention, the plan. Nothing here looks at a host."""
