"""The REST API: every command and query of the desk over HTTP, with its documentation."""
