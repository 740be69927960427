"""The router of the local target: a process that splits an environment's requests over its versions, supervised."""
