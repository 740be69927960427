"""The drift report: one HTML file that opens anywhere, offline, for a person or an auditor."""
