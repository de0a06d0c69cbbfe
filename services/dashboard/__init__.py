"""The page and the API: every camera live, the stack's state, and the results."""
