"""The durable prediction log: segments on disk that are written, adopted, read and shipped; no server needed."""
