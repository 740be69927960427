"""A small shop whose sales are generated: quick to ingest, train on and deploy, and real in every part."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np

PIPELINE = """\
pipeline: shop
project: retail
owner: team:retail
windows: {every: daily, start: 2026-01-01, end: 2026-01-15}
stages:
  data_ingestion: {source: {use: file, path: "${SALES:-sales.csv}", time: day, key: [id]}}
  data_preparation: {schema: {size: {type: float, minimum: 0}, price: {type: float}, city: {type: string}}}
  feature_store: {features: {double_size: size * 2}, key: [id]}
  model_registry: {model: shop, train: "shop.model:train", reference: {until: 2026-01-06}}
  model_deployment:
    dev: {target: local}
    staging: {target: local, strategy: canary, watch_seconds: 1}
    prod: {target: local, strategy: blue_green, watch_seconds: 1}
  model_inferencing: {batch: {each: window}}
  model_monitoring:
    monitors:
      inputs: {use: auto, columns: all, threshold: 0.25}
    performance:
      metric: mae
      labels: {source: {use: file, path: sales.csv, key: [id]}, column: price, maturity: 1d}
      tolerance: 0.5
  cicd_enforcement: {lock: [data_preparation]}
"""

MODEL = """\
def train(data):
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(data[["size", "double_size"]], data["price"])
"""


def write_sales(path: Path, days: int = 14, rows: int = 60, shift: float = 0.0, seed: int = 0) -> None:
    """Sales of every day from 2026-01-01 on; `shift` moves the sizes by so many standard deviations."""
    random = np.random.default_rng(seed)
    lines = ["id,day,size,price,city"]
    for number in range(days):
        for place in range(rows):
            size = random.normal(50 + 10 * shift, 10)
            lines.append(
                f"{number * rows + place},{date(2026, 1, 1) + timedelta(days=number)},{abs(size):.3f},"
                f"{3 * size + random.normal(0, 5):.2f},{'Ulm' if place % 3 else 'Bonn'}"
            )
    path.write_text("\n".join(lines) + "\n")
