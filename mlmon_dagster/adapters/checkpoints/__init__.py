"""Where signed checkpoints of the audit log are kept, outside of its database."""
