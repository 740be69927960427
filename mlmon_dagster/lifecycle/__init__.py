"""Commands change state, queries read it; both reach the outside world through ports only."""
