"""Family `source`: where rows come from; one frozen dataclass in one file for each."""
