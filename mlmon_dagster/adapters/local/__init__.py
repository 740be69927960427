"""The embedded default: ports provided with nothing but the local disk."""
