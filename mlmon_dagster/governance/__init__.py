"""Who may do what, what a gate asks for, and the chain that records it. Pure: no clock, no file, no database."""
