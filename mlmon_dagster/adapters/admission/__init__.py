"""Admission: what a model's files may be, decided by their names and bytes before anything is loaded."""
