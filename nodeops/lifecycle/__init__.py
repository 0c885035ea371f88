"""A node through its life: restarted only when the others can do without it, and put back when it does not come back."""
