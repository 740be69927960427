"""The only code that knows vendors: each adapter provides one port, or one member of a plug-in family."""
